//! A place for what is unpacked of a bundle, or taken out of a store: a folder of its own, and no leftovers of runs that were
//! killed.

use std::{
    fs::{self, File, Permissions},
    os::unix::fs::PermissionsExt,
    path::Path,
};

use tempfile::TempDir;

use super::fresh;
use crate::{Error, Result};

/// What the names of bundles' folders begin with.
pub(super) const BUNDLE: &str = "bundle-";
/// Held for as long as the folder is in use; the system lets go of it when the process ends, however it ends.
const LOCK: &str = "in-use.lock";

/// A private folder (mode 0700) that goes with the value.
#[derive(Debug)]
pub(crate) struct Work {
    dir: TempDir,
    _in_use: File,
}

impl Work {
    /// Makes a folder below `parent` whose name begins with `prefix`, and removes those of this kind that nobody uses any
    /// more: they hold private data.
    pub(crate) fn new(parent: &Path, prefix: &str) -> Result<Self> {
        fresh::dirs(parent)?;
        clear(parent, prefix);
        let dir = tempfile::Builder::new()
            .prefix(prefix)
            .permissions(Permissions::from_mode(0o700))
            .tempdir_in(parent)
            .map_err(Error::file(parent))?;
        let path = dir.path().join(LOCK);
        let lock = fresh::file(&path)?;
        lock.lock().map_err(Error::file(path))?;
        Ok(Self { dir, _in_use: lock })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }
}

/// Removes leftovers. What can't be removed is tried again next time; a folder that has no lock yet is just being made.
fn clear(parent: &Path, prefix: &str) {
    let Ok(entries) = fs::read_dir(parent) else {
        return;
    };
    for entry in entries.filter_map(std::result::Result::ok) {
        let is_ours = entry.file_name().to_string_lossy().starts_with(prefix);
        let unused = File::open(entry.path().join(LOCK)).is_ok_and(|lock| lock.try_lock().is_ok());
        if is_ours
            && unused
            && let Err(error) = fs::remove_dir_all(entry.path())
        {
            tracing::warn!(%error, folder = %entry.path().display(), "a leftover of an earlier run stays");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As after kill -9: the lock is free, the folder is there.
    fn killed(work: Work) -> std::path::PathBuf {
        let Work { dir, .. } = work;
        dir.keep()
    }

    #[test]
    fn leftovers_go_and_what_is_in_use_stays() {
        let parent = tempfile::tempdir().unwrap();
        let used = Work::new(parent.path(), BUNDLE).unwrap();
        let left = killed(Work::new(parent.path(), BUNDLE).unwrap());
        fs::write(left.join("message"), "private").unwrap();
        let new = Work::new(parent.path(), BUNDLE).unwrap();
        assert!(!left.exists());
        assert!(used.path().exists() && new.path().exists());
    }
}
