//! New private files and directories: 0600 and 0700.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Seek},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use crate::{Error, Result, secret::private_dir};

/// Makes a directory and those above it, each with mode 0700; existing ones stay as they are.
pub(super) fn dirs(path: &Path) -> Result<()> {
    private_dir(path).map_err(Error::file(path))
}

/// Makes a file with mode 0600 that must not exist yet.
pub(super) fn file(path: &Path) -> Result<File> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(Error::file(path))
}

/// A new file, or the first `mark` bytes of one that an earlier run left, to go on behind them.
pub(super) fn file_or_rest(path: &Path, mark: Option<u64>) -> Result<File> {
    let Some(mark) = mark else {
        // What was begun behind the last checkpoint does not count.
        remove_file(path)?;
        return file(path);
    };
    let open = || -> io::Result<File> {
        let mut file = match OpenOptions::new().write(true).open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(io::Error::other(
                    "is gone since the interrupted export: remove the .partial folder and export again",
                ));
            }
            file => file?,
        };
        if file.metadata()?.len() < mark {
            return Err(io::Error::other(
                "is shorter than the interrupted export left it: remove the .partial folder and export again",
            ));
        }
        file.set_len(mark)?;
        file.seek(io::SeekFrom::End(0))?;
        Ok(file)
    };
    open().map_err(Error::file(path))
}

/// Writes a whole file with mode 0600 to the disk.
pub(super) fn written(path: &Path, content: &[u8]) -> Result<()> {
    use std::io::Write;
    let mut file = file_or_rest(path, None)?;
    file.write_all(content)
        .and_then(|()| file.sync_all())
        .map_err(Error::file(path))
}

/// Makes a rename or a new file in a directory survive a power cut.
pub(super) fn sync_dir(path: &Path) -> Result<()> {
    // The parent of a bare file name is the empty path.
    let path = if path.as_os_str().is_empty() {
        Path::new(".")
    } else {
        path
    };
    File::open(path)
        .and_then(|dir| dir.sync_all())
        .map_err(Error::file(path))
}

/// The same for a directory and all those below it.
pub(super) fn sync_dirs(path: &Path) -> Result<()> {
    for entry in fs::read_dir(path).map_err(Error::file(path))? {
        let entry = entry.map_err(Error::file(path))?;
        if entry.file_type().map_err(Error::file(path))?.is_dir() {
            sync_dirs(&entry.path())?;
        }
    }
    sync_dir(path)
}

/// Removes a directory that may not be there.
pub(super) fn remove(path: &Path) -> Result<()> {
    gone(fs::remove_dir_all(path), path)
}

/// Removes a file that may not be there.
pub(super) fn remove_file(path: &Path) -> Result<()> {
    gone(fs::remove_file(path), path)
}

fn gone(removed: io::Result<()>, path: &Path) -> Result<()> {
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::file(path)(error)),
        _ => Ok(()),
    }
}
