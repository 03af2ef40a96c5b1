//! `<name>.partial`: where a bundle is made, and what an interrupted export leaves for the next.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{
    checkpoint::{self, Checkpoint},
    fresh,
    writer::Origin,
};
use crate::{Error, Result};

/// The folder of a bundle that is being made, removed with everything in it on drop unless it is to stay.
pub(super) struct Staging {
    path: PathBuf,
    /// A later run can go on with it.
    pub(super) stays: bool,
}

impl Staging {
    /// An empty one for the bundle `out`.
    pub(super) fn create(out: &Path) -> Result<Self> {
        let staging = Self::of(out)?;
        fresh::remove(&staging.path)?;
        fresh::dirs(&staging.files())?;
        Ok(staging)
    }

    /// The one that an export of the same left.
    pub(super) fn left(out: &Path, origin: &Origin) -> Result<Option<(Self, Checkpoint)>> {
        let mut staging = Self::of(out)?;
        // Whatever happens from here on, what was there is not lost.
        staging.stays = true;
        Ok(Checkpoint::read(&staging.path)
            .filter(|checkpoint| checkpoint.is_of(origin))
            .map(|checkpoint| (staging, checkpoint)))
    }

    /// Only what an earlier export left may be in the way; somebody's own folder of that name stays.
    fn of(out: &Path) -> Result<Self> {
        if out.symlink_metadata().is_ok() {
            return Err(Error::Usage(format!(
                "{} is already there: choose another name, or move it away",
                out.display()
            )));
        }
        let mut name = out.as_os_str().to_owned();
        name.push(".partial");
        let path = PathBuf::from(name);
        let ours = ["files", "packed", checkpoint::NAME, checkpoint::BEGUN];
        let foreign = match fs::read_dir(&path) {
            Ok(entries) => entries
                .filter_map(std::result::Result::ok)
                .any(|entry| !ours.iter().any(|name| entry.file_name() == *name)),
            Err(error) => error.kind() != std::io::ErrorKind::NotFound,
        };
        if foreign {
            return Err(Error::Usage(format!(
                "{} is not an export's: move it away, or name another file with --out",
                path.display()
            )));
        }
        Ok(Self { path, stays: false })
    }

    /// The folder itself.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The bundle's files.
    pub(super) fn files(&self) -> PathBuf {
        self.path.join("files")
    }

    /// The archive, before it is in its place.
    pub(super) fn packed(&self) -> PathBuf {
        self.path.join("packed")
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        if !self.stays {
            // What can't be removed now is removed by the next export of the same name.
            let _left_behind = fresh::remove(&self.path);
        }
    }
}
