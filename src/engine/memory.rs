//! `<data_dir>/last-bundle.json`: what `status` has to know of a migration without opening its bundle.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::{
    Error, Result,
    migration::plan::{Plan, RoomPlan, UserAction, UserPlan},
    secret::write_private,
};

/// The file's name.
const FILE: &str = "last-bundle.json";

/// The last migration that was begun.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Memory {
    /// The bundle's file name.
    pub(super) name: String,
    /// Where it was.
    #[serde(default)]
    pub(super) path: PathBuf,
    /// What the ledger knows it by.
    pub(super) id: String,
    /// Accounts to be made, adopted or reserved.
    pub(super) users: u64,
    /// Rooms to be carried, or at whose doors people wait.
    pub(super) rooms: u64,
    /// Media to be carried.
    #[serde(default)]
    pub(super) media: u64,
}

impl Memory {
    /// Of a plan.
    pub(super) fn of(plan: &Plan, id: &str, path: &Path) -> Self {
        let carried = |room: &&RoomPlan| room.action.goes();
        let kept = |user: &&UserPlan| !matches!(user.action, UserAction::Skip { .. });
        Self {
            name: plan.bundle.clone(),
            path: path.to_owned(),
            id: id.to_owned(),
            users: plan.users.iter().filter(kept).count() as u64,
            rooms: plan.rooms.iter().filter(carried).count() as u64,
            media: plan.media.files,
        }
    }

    /// What was kept, if anything.
    pub(super) fn read(data_dir: &Path) -> Result<Option<Self>> {
        let path = data_dir.join(FILE);
        match fs::read(&path) {
            Ok(text) => Ok(serde_json::from_slice(&text).ok()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::file(&path)(error)),
        }
    }

    /// Keeps it.
    pub(super) fn write(&self, data_dir: &Path) -> Result<()> {
        let path = data_dir.join(FILE);
        let text = serde_json::to_vec(self).unwrap_or_default();
        write_private(&path, &text).map_err(Error::file(&path))
    }
}
