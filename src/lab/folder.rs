//! A server's temporary folder.

use std::{
    env, fs, io,
    os::unix::fs::{DirBuilderExt, PermissionsExt},
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

/// Copies a file, or a folder with all that is in it; links and devices are left out.
pub async fn copy(from: &Path, to: &Path) -> Result<()> {
    let (source, target) = (from.to_owned(), to.to_owned());
    let copied = tokio::task::spawn_blocking(move || copy_all(&source, &target));
    copied.await.unwrap_or_else(|error| {
        Err(LabError::File {
            path: from.to_owned(),
            source: io::Error::other(error),
        })
    })
}

fn copy_all(from: &Path, to: &Path) -> Result<()> {
    let at = || LabError::file(from);
    if !from.metadata().map_err(at())?.is_dir() {
        fs::copy(from, to).map_err(at())?;
        return Ok(());
    }
    let mode = from.metadata().map_err(at())?.permissions().mode();
    fs::DirBuilder::new()
        .mode(mode)
        .create(to)
        .map_err(LabError::file(to))?;
    for entry in fs::read_dir(from).map_err(at())? {
        let entry = entry.map_err(at())?;
        let kind = entry.file_type().map_err(at())?;
        if kind.is_dir() || kind.is_file() {
            copy_all(&entry.path(), &to.join(entry.file_name()))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_copy_has_all_files_and_their_modes() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("a"), folder.path().join("b"));
        fs::create_dir_all(from.join("x/y")).unwrap();
        fs::write(from.join("x/y/file"), "content").unwrap();
        let private = fs::Permissions::from_mode(0o700);
        fs::set_permissions(from.join("x"), private).unwrap();
        copy(&from, &to).await.unwrap();
        assert_eq!(fs::read(to.join("x/y/file")).unwrap(), b"content");
        let mode = to.join("x").metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
    }
}
