//! Where an unfinished export stands, kept beside its files: a later run goes on from here.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use ruma::{OwnedRoomAliasId, OwnedRoomId, OwnedServerName};
use serde::{Deserialize, Serialize};

use super::{shards::ShardMark, writer::Origin};
use crate::{Error, Result, job::Problem, model::figures::Figures, secret::write_private};

/// The file in the staging folder.
pub(super) const NAME: &str = "checkpoint.json";
/// The same while it is being written.
pub(super) const BEGUN: &str = "checkpoint.json.partial";

/// A part of an export, in the order in which they are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Section {
    /// Users and what belongs to them.
    Users,
    /// Key backups.
    KeyBackups,
    /// Rooms.
    Rooms,
    /// Media.
    Media,
}

/// The last thing that an export has completely.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// All sections before this one are complete.
    pub section: Section,
    /// In this section, everything up to and with this user or room is.
    pub key: String,
}

impl Position {
    /// Whether an export that stood here has this user's or room's part already.
    pub fn has(&self, section: Section, key: &str) -> bool {
        (section, key) <= (self.section, self.key.as_str())
    }
}

/// Everything that is not in the bundle's files yet, and how much of each file counts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Checkpoint {
    pub(super) origin: Origin,
    pub(super) position: Position,
    pub(super) signers: BTreeSet<OwnedServerName>,
    /// File → bytes.
    pub(super) lengths: Lengths,
    pub(super) users: u64,
    pub(super) rooms: u64,
    pub(super) events: u64,
    pub(super) aliases: BTreeMap<OwnedRoomAliasId, OwnedRoomId>,
    pub(super) published: BTreeSet<OwnedRoomId>,
    pub(super) shards: ShardMark,
    pub(super) media_bytes: u64,
    pub(super) problems: Vec<Problem>,
    pub(super) figures: Figures,
}

/// How many bytes of each file count; a file that is not in it begins anew.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Lengths(pub(super) BTreeMap<String, u64>);

impl Lengths {
    /// The bytes of one file.
    pub(super) fn of(&self, name: &str) -> Option<u64> {
        self.0.get(name).copied()
    }
}

impl Checkpoint {
    /// Writes it into the staging folder, in one step.
    pub(super) fn write(&self, staging: &Path) -> Result<()> {
        let path = staging.join(NAME);
        let text = serde_json::to_vec(self).map_err(|error| Error::file(&path)(error.into()))?;
        write_private(&path, &text).map_err(Error::file(&path))
    }

    /// The one in a staging folder, if it can be used: an unreadable one counts as none.
    pub(super) fn read(staging: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(staging.join(NAME)).ok()?).ok()
    }

    /// Whether it is of an export that asked the same of the same server.
    pub(super) fn is_of(&self, origin: &Origin) -> bool {
        self.origin.source == origin.source
            && self.origin.server_name == origin.server_name
            && self.origin.wanted == origin.wanted
    }
}

/// The bundle in `dir` that an earlier, unfinished export of the same was to make.
pub fn unfinished(dir: &Path, origin: &Origin) -> Option<PathBuf> {
    let mut found: Vec<_> = fs::read_dir(dir)
        .ok()?
        .filter_map(std::result::Result::ok)
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "partial"))
        .filter(|path| Checkpoint::read(path).is_some_and(|checkpoint| checkpoint.is_of(origin)))
        .map(|path| path.with_extension(""))
        .filter(|path| !path.exists())
        .collect();
    found.sort();
    found.pop()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_before_a_position_is_there() {
        let position = Position {
            section: Section::Rooms,
            key: "!m:x".into(),
        };
        assert!(position.has(Section::Users, "@z:x"));
        assert!(position.has(Section::Rooms, "!a:x") && position.has(Section::Rooms, "!m:x"));
        assert!(!position.has(Section::Rooms, "!n:x") && !position.has(Section::Media, ""));
    }
}
