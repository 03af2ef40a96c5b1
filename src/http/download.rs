//! Files: their bytes go to the disk while they come, whatever their size.

use std::io::{self, Seek, Write};

use tempfile::SpooledTempFile;

use super::{Http, Request, fault::Fault, patience::Tries};
use crate::{Error, Result};

/// Smaller files stay in memory.
const IN_MEMORY: usize = 256 * 1024;

impl Http {
    /// Sends a request, again after passing faults, and gives the answer's body, whole, from its beginning.
    ///
    /// What is longer than 256 KiB is in an unnamed file in the system's folder for such; [`Error::File`] if that is
    /// full.
    pub async fn download(&self, request: &Request) -> Result<SpooledTempFile> {
        let mut tries = Tries::new(self.patience, request.limit);
        loop {
            match self.file(request).await {
                Ok(file) => return Ok(file),
                Err(fault) => self.wait(request, &mut tries, fault).await?,
            }
        }
    }

    async fn file(&self, request: &Request) -> Result<SpooledTempFile, Fault> {
        let _permit = self.permit().await;
        let mut answer = self.answered(request).await?;
        let mut file = SpooledTempFile::new(IN_MEMORY);
        loop {
            match answer.chunk().await {
                Ok(Some(bytes)) => file.write_all(&bytes).map_err(full)?,
                Ok(None) => break,
                Err(error) => return Err(self.broken_off(request, error)),
            }
        }
        file.rewind().map_err(full)?;
        Ok(file)
    }
}

fn full(error: io::Error) -> Fault {
    Fault {
        error: Error::file(std::env::temp_dir())(error),
        absent: false,
    }
}
