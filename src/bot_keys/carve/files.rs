//! The files of a Sled store, in stretches that fit into memory. They are opened for reading only, and read rather than
//! mapped: their owner may cut them while they are read.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    time::SystemTime,
};

use crate::{Error, Result};

/// Bytes of a stretch: a multiple of Sled's segments.
pub(super) const STRETCH: u64 = 4 << 20;
/// More than a value in the log has: Sled puts what takes more than a quarter of a segment into a blob.
const LONGEST_IN_LOG: u64 = 256 << 10;
/// More than one in a blob has: an encrypted account takes 2.4 MB with all the 5,000 one-time keys that it may have.
const LONGEST_IN_BLOB: u64 = 16 << 20;

/// A file of the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StoreFile {
    pub(super) path: PathBuf,
    /// What it is told by: `db`, `blobs/123`, behind the store's label.
    pub(super) name: String,
    /// Whether it is the log; else it is a blob.
    pub(super) is_log: bool,
    pub(super) length: u64,
    changed: Option<SystemTime>,
}

impl StoreFile {
    /// More bytes than a value in it has.
    pub(super) fn longest(&self) -> u64 {
        if self.is_log {
            LONGEST_IN_LOG
        } else {
            LONGEST_IN_BLOB
        }
    }
}

/// A part of a file: the values that begin in it are its own; behind them is as much as the last one may need.
pub(super) struct Stretch {
    /// Which file.
    pub(super) file: usize,
    /// Where it begins.
    pub(super) from: u64,
}

/// The log, then the blobs by number; their names begin with `label`.
pub(super) fn files(store: &Path, label: &str) -> Result<Vec<StoreFile>> {
    let mut files = vec![StoreFile {
        is_log: true,
        ..file(store.join("db"), format!("{label}db"))?
    }];
    let blobs = store.join("blobs");
    let mut numbers = Vec::new();
    match fs::read_dir(&blobs) {
        Ok(entries) => {
            for entry in entries {
                let name = entry.map_err(Error::file(&blobs))?.file_name();
                numbers.extend(name.to_str().and_then(|name| name.parse::<u64>().ok()));
            }
        }
        // A store that never had one, or a copy without.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(Error::file(blobs)(error)),
    }
    numbers.sort_unstable();
    for number in numbers {
        let name = format!("blobs/{number}");
        match file(store.join(&name), format!("{label}{name}")) {
            Ok(file) => files.push(file),
            // The owner has just removed it: what was in it stands elsewhere by now.
            Err(Error::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(files)
}

fn file(path: PathBuf, name: String) -> Result<StoreFile> {
    let about = fs::metadata(&path).map_err(Error::file(&path))?;
    Ok(StoreFile {
        path,
        name,
        is_log: false,
        length: about.len(),
        changed: about.modified().ok(),
    })
}

/// All stretches of all files.
pub(super) fn stretches(files: &[StoreFile]) -> impl Iterator<Item = Stretch> + Send + '_ {
    files.iter().enumerate().flat_map(|(file, about)| {
        let step = usize::try_from(STRETCH).unwrap_or(usize::MAX);
        (0..about.length)
            .step_by(step)
            .map(move |from| Stretch { file, from })
    })
}

impl Stretch {
    /// Its bytes and those behind it; fewer where the file has become shorter.
    pub(super) fn read(&self, files: &[StoreFile]) -> Result<Vec<u8>> {
        let Some(about) = files.get(self.file) else {
            return Ok(Vec::new());
        };
        read(&about.path, self.from, STRETCH + about.longest())
    }
}

fn read(path: &Path, from: u64, length: u64) -> Result<Vec<u8>> {
    let open = || -> io::Result<Vec<u8>> {
        let file = match File::open(path) {
            // A blob that its owner has just removed.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            file => file?,
        };
        let there = file.metadata()?.len().saturating_sub(from).min(length);
        let mut bytes = vec![0; usize::try_from(there).unwrap_or_default()];
        let mut filled = 0;
        while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match file.read_at(rest, from + u64::try_from(filled).unwrap_or_default()) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        bytes.truncate(filled);
        Ok(bytes)
    };
    open().map_err(Error::file(path))
}
