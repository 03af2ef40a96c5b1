//! `<data_dir>/pace.json`: how long the stages of earlier imports took here.

use std::{fs, path::Path};

use crate::{Error, Result, migration::forecast::Paces, secret::write_private};

/// The file's name.
const FILE: &str = "pace.json";

/// What is kept; a file that can't be understood counts as none, for it only makes estimates better.
pub(super) fn read(data_dir: &Path) -> Result<Paces> {
    let path = data_dir.join(FILE);
    match fs::read(&path) {
        Ok(text) => Ok(serde_json::from_slice(&text).unwrap_or_default()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Paces::default()),
        Err(error) => Err(Error::file(&path)(error)),
    }
}

/// Keeps them.
pub(super) fn write(data_dir: &Path, paces: &Paces) -> Result<()> {
    let path = data_dir.join(FILE);
    let text = serde_json::to_string_pretty(paces).unwrap_or_default();
    write_private(&path, text.as_bytes()).map_err(Error::file(&path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{job::Phase, migration::forecast::Worked};

    #[test]
    fn what_is_kept_is_read_and_what_is_spoilt_is_none() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(read(dir.path()).unwrap(), Paces::default());
        let mut paces = Paces::default();
        let worked = Worked {
            units: 10,
            ms: 1_000,
            ..Worked::default()
        };
        paces.learn(Phase::Accounts, worked);
        write(dir.path(), &paces).unwrap();
        assert_eq!(read(dir.path()).unwrap(), paces);
        fs::write(dir.path().join(FILE), "{").unwrap();
        assert_eq!(read(dir.path()).unwrap(), Paces::default());
    }
}
