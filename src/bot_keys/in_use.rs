//! Whether the program that a crypto store belongs to seems to run.

use std::{
    fs::{self, File, TryLockError},
    path::{Path, PathBuf},
};

use super::safekeeping::tree;
use crate::{Error, Result};

/// What Sled locks while it has a store open.
const SLED_LOG: &str = "db";

/// What stands beside it.
const SLED_CONFIG: &str = "conf";

/// What SQLite has beside a database while somebody has it open, or if they ended without closing it.
const SQLITE_SHARED: &str = "sqlite3-shm";

/// The file by which it shows, if the store's owner seems to run; nothing is changed, and no lock stays.
pub fn by(folder: &Path) -> Result<Option<PathBuf>> {
    for file in tree::files(folder)? {
        let path = folder.join(&file);
        let name = file.file_name().unwrap_or_default();
        let is_log = name == SLED_LOG && path.with_file_name(SLED_CONFIG).is_file();
        if is_log && is_locked(&path)? {
            return Ok(Some(path));
        }
        let is_shared = name.to_string_lossy().ends_with(SQLITE_SHARED);
        if is_shared && fs::metadata(&path).is_ok_and(|found| found.len() > 0) {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

fn is_locked(path: &Path) -> Result<bool> {
    let file = File::open(path).map_err(Error::file(path))?;
    match file.try_lock_shared() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => Err(Error::file(path)(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_or_a_shared_file_shows_it() {
        let dir = tempfile::tempdir().unwrap();
        let sled = dir.path().join("matrix-sdk-crypto");
        fs::create_dir(&sled).unwrap();
        fs::write(sled.join("conf"), "").unwrap();
        fs::write(sled.join("db"), "").unwrap();
        assert_eq!(by(dir.path()).unwrap(), None);
        let bot = File::open(sled.join("db")).unwrap();
        bot.lock().unwrap();
        assert_eq!(by(dir.path()).unwrap(), Some(sled.join("db")));
        drop(bot);
        assert_eq!(by(dir.path()).unwrap(), None);
        let shared = dir.path().join("matrix-sdk-crypto.sqlite3-shm");
        fs::write(&shared, "").unwrap();
        assert_eq!(by(dir.path()).unwrap(), None);
        fs::write(&shared, [0; 8]).unwrap();
        assert_eq!(by(dir.path()).unwrap(), Some(shared));
    }
}
