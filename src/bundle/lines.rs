//! A compressed file of lines, `*.ndjson.zst`, in both directions.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    marker::PhantomData,
    path::{Path, PathBuf},
};

use serde::{Serialize, de::DeserializeOwned};

use super::{
    fresh,
    line::{self, LEVEL},
};
use crate::{Error, Result};

/// Bytes of a line that is read: an event of 64 KiB with every character escaped, and a state of many thousand members.
const MAX_LINE: u64 = 64 * 1024 * 1024;

/// A file that grows line by line.
pub(super) struct LinesFile {
    path: PathBuf,
    encoder: zstd::Encoder<'static, File>,
}

impl LinesFile {
    /// An empty file.
    pub(super) fn create(path: PathBuf) -> Result<Self> {
        let file = fresh::file(&path)?;
        let open = || -> io::Result<_> {
            let mut encoder = zstd::Encoder::new(file, LEVEL)?;
            encoder.include_checksum(true)?;
            Ok(encoder)
        };
        let encoder = open().map_err(Error::file(&path))?;
        Ok(Self { path, encoder })
    }

    /// Adds a line.
    pub(super) fn line(&mut self, value: &impl Serialize) -> Result<()> {
        line::write(&mut self.encoder, value).map_err(Error::file(&self.path))
    }

    /// Brings it to the disk.
    pub(super) fn finish(self) -> Result<()> {
        self.encoder
            .finish()
            .and_then(|file| file.sync_all())
            .map_err(Error::file(self.path))
    }
}

/// An iterator over a file's lines. It ends after the first error.
pub struct Lines<T> {
    bundle: PathBuf,
    name: &'static str,
    lines: Option<BufReader<zstd::Decoder<'static, BufReader<File>>>>,
    kind: PhantomData<T>,
}

impl<T: DeserializeOwned> Lines<T> {
    /// The lines of a file in the bundle directory `dir`; none if it is not there.
    pub(super) fn open(dir: &Path, bundle: &Path, name: &'static str) -> Result<Self> {
        let path = dir.join(name);
        let lines = match File::open(&path).and_then(zstd::Decoder::new) {
            Ok(decoder) => Some(BufReader::new(decoder)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(Error::file(path)(error)),
        };
        Ok(Self {
            bundle: bundle.to_owned(),
            name,
            lines,
            kind: PhantomData,
        })
    }

    fn read(&mut self) -> Result<Option<T>, String> {
        let Some(lines) = &mut self.lines else {
            return Ok(None);
        };
        let mut line = Vec::new();
        lines
            .by_ref()
            .take(MAX_LINE)
            .read_until(b'\n', &mut line)
            .map_err(|error| error.to_string())?;
        if line.is_empty() {
            return Ok(None);
        }
        let Some((b'\n', line)) = line.split_last() else {
            return Err(format!("a line is cut off or longer than {MAX_LINE} bytes"));
        };
        serde_json::from_slice(line)
            .map(Some)
            .map_err(|error| error.to_string())
    }
}

impl<T: DeserializeOwned> Iterator for Lines<T> {
    type Item = Result<T>;

    fn next(&mut self) -> Option<Self::Item> {
        let read = self.read();
        if !matches!(read, Ok(Some(_))) {
            self.lines = None;
        }
        read.transpose().map(|line| {
            line.map_err(|reason| Error::Bundle {
                path: self.bundle.clone(),
                reason: format!(
                    "{} can't be read ({reason}): copy the bundle again, or export again",
                    self.name
                ),
            })
        })
    }
}
