//! A server's temporary folder.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

use super::{LabError, Result};

/// A folder that goes with the value, unless `FERRYMAN_LAB_KEEP` is set.
#[derive(Debug)]
pub struct Folder(TempDir);

impl Folder {
    /// A new one, readable for its owner only.
    pub fn new(name: &str) -> Result<Self> {
        let mut folder = tempfile::Builder::new()
            .prefix(&format!("ferryman-lab-{name}-"))
            .tempdir()
            .map_err(LabError::file(env::temp_dir()))?;
        if env::var_os("FERRYMAN_LAB_KEEP").is_some() {
            folder.disable_cleanup(true);
            tracing::info!(folder = %folder.path().display(), "kept");
        }
        Ok(Self(folder))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes a file inside and gives its path.
    pub fn write(&self, name: &str, content: &str) -> Result<PathBuf> {
        let path = self.path().join(name);
        fs::write(&path, content).map_err(LabError::file(&path))?;
        Ok(path)
    }
}
