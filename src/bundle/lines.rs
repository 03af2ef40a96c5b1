//! A compressed file of lines, `*.ndjson.zst`, in both directions.

use std::{
    fs::File,
    io::{self, BufReader, Seek},
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
    file: File,
    /// The frame that is being written.
    frame: Option<zstd::Encoder<'static, File>>,
}

impl LinesFile {
    /// An empty file, or one that an earlier run left, up to its mark.
    pub(super) fn create(path: PathBuf, mark: Option<u64>) -> Result<Self> {
        Ok(Self {
            file: fresh::file_or_rest(&path, mark)?,
            path,
            frame: None,
        })
    }

    /// Adds a line.
    pub(super) fn line(&mut self, value: &impl Serialize) -> Result<()> {
        let add = self.frame().and_then(|frame| line::write(frame, value));
        add.map_err(Error::file(&self.path))
    }

    fn frame(&mut self) -> io::Result<&mut zstd::Encoder<'static, File>> {
        Ok(match &mut self.frame {
            Some(frame) => frame,
            none => {
                let mut frame = zstd::Encoder::new(self.file.try_clone()?, LEVEL)?;
                frame.include_checksum(true)?;
                none.insert(frame)
            }
        })
    }

    /// Brings all lines so far to the disk; the bytes from which a later run can go on. The next line begins another
    /// frame of the same file.
    pub(super) fn mark(&mut self) -> Result<u64> {
        let mut mark = || {
            if let Some(frame) = self.frame.take() {
                frame.finish()?;
                self.file.sync_data()?;
            }
            self.file.stream_position()
        };
        mark().map_err(Error::file(&self.path))
    }

    /// Brings it to the disk.
    pub(super) fn finish(mut self) -> Result<()> {
        // Nothing at all would be no file that zstd reads.
        self.frame().map(drop).map_err(Error::file(&self.path))?;
        self.mark().map(drop)
    }
}

/// An iterator over a file's lines. It ends after the first error.
pub struct Lines<T> {
    bundle: PathBuf,
    name: &'static str,
    text: Option<BufReader<zstd::Decoder<'static, BufReader<File>>>>,
    kind: PhantomData<T>,
}

impl<T: DeserializeOwned> Lines<T> {
    /// The lines of a file in the bundle directory `dir`; none if it is not there.
    pub(super) fn open(dir: &Path, bundle: &Path, name: &'static str) -> Result<Self> {
        let path = dir.join(name);
        let text = match File::open(&path).and_then(zstd::Decoder::new) {
            Ok(decoder) => Some(BufReader::new(decoder)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(Error::file(path)(error)),
        };
        Ok(Self {
            bundle: bundle.to_owned(),
            name,
            text,
            kind: PhantomData,
        })
    }

    fn read(&mut self) -> Result<Option<T>, String> {
        let Some(lines) = &mut self.text else {
            return Ok(None);
        };
        line::next(lines, MAX_LINE)?
            .map(|line| line::value(&line, MAX_LINE))
            .transpose()
    }
}

impl<T: DeserializeOwned> Iterator for Lines<T> {
    type Item = Result<T>;

    fn next(&mut self) -> Option<Self::Item> {
        let read = self.read();
        if !matches!(read, Ok(Some(_))) {
            self.text = None;
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
