//! How many files a Tuwunel has, seen from outside.

use std::{fs, io, path::PathBuf};

/// Tuwunel's media folder.
pub(crate) struct Watch {
    folder: PathBuf,
    pub(crate) files: usize,
}

impl Watch {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder, files: 0 }
    }

    pub(crate) fn look(&mut self) -> io::Result<()> {
        self.files = fs::read_dir(&self.folder)?.count();
        Ok(())
    }
}
