//! What the bot keeps that other floors look at, too: its control room, and its device.

use std::{
    fs,
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
    /// Whether it is encrypted.
    pub encrypted: bool,
}

impl ControlRoom {
    /// `None` before the bot has been in one, or if nobody can tell any more.
    #[must_use]
    pub fn load(data_dir: &Path) -> Option<Self> {
        let text = fs::read_to_string(file(data_dir)).ok()?;
        serde_json::from_str(&text).ok()
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
        assert_eq!(ControlRoom::load(dir.path()), None);
        let room = ControlRoom {
            room_id: "!c:ferry.test".into(),
            encrypted: true,
        };
        room.save(dir.path()).unwrap();
        assert_eq!(ControlRoom::load(dir.path()), Some(room));
        fs::write(file(dir.path()), "{").unwrap();
        assert_eq!(ControlRoom::load(dir.path()), None);
    }
}
