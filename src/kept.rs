//! What the bot keeps that other floors look at, too: its control room, and its device.

use std::{
    collections::BTreeSet,
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::{
    Error, Result,
    secret::{private_dir, write_private},
};

pub mod device;

/// The room in which the bot was at last: `<data_dir>/control-room.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ControlRoom {
    /// Its ID.
    pub room_id: String,
    /// The control rooms that are encrypted, it and those of before: none of them stops to be.
    pub encrypted: BTreeSet<String>,
}

impl ControlRoom {
    /// `None` before the bot has been in one.
    pub fn load(data_dir: &Path) -> Result<Option<Self>> {
        let path = file(data_dir);
        let text = match fs::read_to_string(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            other => other.map_err(Error::file(&path))?,
        };
        serde_json::from_str(&text).map(Some).map_err(|error| {
            Error::Config(format!(
                "{} can't be read ({error}), so nobody can tell whether the control room is encrypted: if it is not, remove the file; if it is, look in your client that it still is, and remove the file then",
                path.display()
            ))
        })
    }

    /// Whether it is encrypted.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        self.encrypted.contains(&self.room_id)
    }

    /// Writes it down.
    pub fn save(&self, data_dir: &Path) -> Result<()> {
        private_dir(data_dir).map_err(Error::file(data_dir))?;
        let path = file(data_dir);
        let text = serde_json::to_vec(self).map_err(|error| Error::file(&path)(error.into()))?;
        write_private(&path, &text).map_err(Error::file(&path))
    }
}

fn file(data_dir: &Path) -> PathBuf {
    data_dir.join("control-room.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_room_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(ControlRoom::load(dir.path()).unwrap(), None);
        let room = ControlRoom {
            room_id: "!c:ferry.test".into(),
            encrypted: ["!c:ferry.test".into()].into(),
        };
        room.save(dir.path()).unwrap();
        assert!(room.is_encrypted());
        assert_eq!(ControlRoom::load(dir.path()).unwrap(), Some(room));
        fs::write(file(dir.path()), "{").unwrap();
        let error = ControlRoom::load(dir.path()).unwrap_err().to_string();
        let shown = error.replace(&*dir.path().to_string_lossy(), "DATA");
        insta::assert_snapshot!(shown, @"DATA/control-room.json can't be read (EOF while parsing an object at line 1 column 1), so nobody can tell whether the control room is encrypted: if it is not, remove the file; if it is, look in your client that it still is, and remove the file then");
    }
}
