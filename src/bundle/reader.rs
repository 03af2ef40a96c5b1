//! A bundle, checked and open: what it holds, by user and by room.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    path::{Path, PathBuf},
};

use ruma::{
    EventId, OwnedEventId, OwnedRoomAliasId, OwnedRoomId, OwnedServerName, OwnedUserId, RoomId,
    ServerName, UserId,
};
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::{
    archive::{self, Form},
    contents::Contents,
    entry_index::EntryIndex,
    events::Events,
    file_names::{
        ACCOUNT_DATA, ALIASES, CROSS_SIGNING, DEVICE_KEYS, DEVICES, DIRECTORY, EVENT_INDEX,
        KEY_BACKUPS, MEDIA_REFS, MEMBERSHIPS, PASSWORD_HASHES, PENDING, PROBLEMS, PUSH_RULES,
        PUSHERS, RECEIPTS, ROOM_STATE, ROOMS, SERVER_KEYS, STATE_SNAPSHOTS,
    },
    fresh,
    lines::Lines,
    manifest, media,
    schema::Schema,
    shards::{EventIndex, Frames},
    work::{BUNDLE, Work},
};
use crate::{
    Error, Result,
    job::Problem,
    model::{
        key_backup::KeyBackupLine, media::MediaRef, room::Room, snapshot::Snapshot, user::User,
    },
    secret::SecretString,
};

/// An open bundle, every file of it checked against the manifest. It can be shared between threads.
pub struct Bundle {
    path: PathBuf,
    dir: PathBuf,
    schema: Schema,
    server_name: OwnedServerName,
    index: EntryIndex,
    events: EventIndex,
    /// Holds the unpacked files and the index; removed on drop.
    work: Work,
}

impl Bundle {
    /// Opens the directory or archive `path`, checks every byte of it, and indexes it below `work_dir`.
    ///
    /// What is unpacked and indexed (mode 0700) goes when the bundle is dropped. Blocks for as long as reading the
    /// whole bundle takes. [`Error::Bundle`] names the file inside that is wrong.
    pub fn open(path: &Path, work_dir: &Path) -> Result<Self> {
        let form = Form::of_content(path).map_err(|error| {
            if error.kind() == std::io::ErrorKind::NotFound {
                Error::Bundle {
                    path: path.to_owned(),
                    reason: "there is nothing of this name: check the path".to_owned(),
                }
            } else {
                Error::file(path)(error)
            }
        })?;
        let work = Work::new(work_dir, BUNDLE)?;
        let dir = match form {
            Form::Directory => path.to_owned(),
            form => {
                let dir = work.path().join("files");
                fresh::dirs(&dir)?;
                archive::unpack(path, form, &dir)?;
                root(dir)
            }
        };
        let schema = Schema::read(&dir, path)?;
        manifest::verify(&dir, path, schema.exporter_version)?;
        let contents = Contents { path, dir: &dir };
        let events = match contents.file::<EventIndex>(EVENT_INDEX)? {
            Some(events) => events,
            None if schema.exporter_version == 1 => EventIndex::default(),
            None => return Err(contents.missing(EVENT_INDEX)),
        };
        for (room, frame) in &events.rooms {
            contents.shard(room, &frame.shard)?;
        }
        let server_name = match &schema.server_name {
            Some(name) => name.clone(),
            None => contents.server_name_of_users()?,
        };
        let index = EntryIndex::build(&contents, &work.path().join("index.sqlite"))?;
        Ok(Self {
            path: path.to_owned(),
            dir,
            schema,
            server_name,
            index,
            events,
            work,
        })
    }

    /// Its file name.
    pub fn name(&self) -> String {
        let name = self.path.file_name().unwrap_or(self.path.as_os_str());
        name.to_string_lossy().into_owned()
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A private folder for what is unpacked further. It goes when the bundle is dropped.
    pub fn work_dir(&self) -> &Path {
        self.work.path()
    }

    /// Version and source.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The server that was exported; in version 1, the one of its first user.
    pub fn server_name(&self) -> &ServerName {
        &self.server_name
    }

    /// All local accounts.
    pub fn users(&self) -> Result<Vec<User>> {
        self.contents().users()
    }

    /// All rooms.
    pub fn rooms(&self) -> Result<Vec<Room>> {
        self.contents().needed(ROOMS)
    }

    /// All local aliases.
    pub fn aliases(&self) -> Result<BTreeMap<OwnedRoomAliasId, OwnedRoomId>> {
        let contents = self.contents();
        if self.schema.exporter_version != 1 {
            return Ok(contents.file(ALIASES)?.unwrap_or_default());
        }
        // Version 1 copies canonical aliases: what somebody wrote into an event, checked by nobody.
        let found: BTreeMap<String, OwnedRoomId> = contents.file(ALIASES)?.unwrap_or_default();
        Ok(found
            .into_iter()
            .filter_map(|(alias, room)| Some((OwnedRoomAliasId::try_from(alias).ok()?, room)))
            .filter(|(alias, _)| alias.server_name() == self.server_name)
            .collect())
    }

    /// Each user's membership of a room; an error if the export could not read the room's state.
    pub fn memberships(&self, room: &RoomId) -> Result<BTreeMap<OwnedUserId, String>> {
        self.by_room(MEMBERSHIPS, room)
    }

    /// A room's current state events in the client's format; an error if the export could not read them.
    pub fn room_state(&self, room: &RoomId) -> Result<Vec<Box<RawValue>>> {
        let state: Vec<_> = self.by_room(ROOM_STATE, room)?;
        // Every room has a create event; version 1 writes an empty list where it was refused the state.
        if state.is_empty() && self.schema.exporter_version == 1 {
            return Err(self.contents().fault(format!(
                "{ROOM_STATE} has no events of {room}, because its export failed: export again"
            )));
        }
        Ok(state)
    }

    /// What one user has in one of the files by user; nothing is the default.
    pub fn of_user<T: DeserializeOwned + Default>(&self, file: OfUser, user: &UserId) -> Result<T> {
        let name = file.name();
        let fault = |error: &dyn std::fmt::Display| {
            self.contents().fault(format!(
                "{user} can't be read in {name} ({error}): export again"
            ))
        };
        match self.index.get(name, user.as_str()) {
            Ok(Some(value)) => {
                self.not_failed(name, user.as_str(), &value)?;
                serde_json::from_str(value.get()).map_err(|error| fault(&error))
            }
            Ok(None) => Ok(T::default()),
            Err(error) => Err(fault(&error)),
        }
    }

    /// Each user's bcrypt hash; `None` if the export was not asked for them.
    pub fn password_hashes(&self) -> Result<Option<BTreeMap<OwnedUserId, SecretString>>> {
        self.contents().file(PASSWORD_HASHES)
    }

    /// The published rooms.
    pub fn directory(&self) -> Result<BTreeSet<OwnedRoomId>> {
        Ok(self.contents().file(DIRECTORY)?.unwrap_or_default())
    }

    /// Local media, by user and media ID. None in version 1, whose list is a placeholder.
    pub fn media(&self) -> Result<Vec<MediaRef>> {
        if self.schema.exporter_version == 1 {
            return Ok(Vec::new());
        }
        Ok(self.contents().file(MEDIA_REFS)?.unwrap_or_default())
    }

    /// A media item's content, if the bundle has it.
    pub fn media_content(&self, media_id: &str) -> Result<Option<File>> {
        let Some(path) = media::path_of(media_id).map(|path| self.dir.join(path)) else {
            return Ok(None);
        };
        match File::open(&path) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::file(path)(error)),
        }
    }

    /// Where a media item's content is and how long it is, if the bundle has it.
    pub fn media_file(&self, media_id: &str) -> Result<Option<MediaFile>> {
        let Some(path) = media::path_of(media_id).map(|path| self.dir.join(path)) else {
            return Ok(None);
        };
        match path.metadata() {
            Ok(metadata) => Ok(Some(MediaFile {
                bytes: metadata.len(),
                path,
            })),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::file(path)(error)),
        }
    }

    /// Key backups: each version before its sessions.
    pub fn key_backups(&self) -> Result<Lines<KeyBackupLine>> {
        Lines::open(&self.dir, &self.path, KEY_BACKUPS)
    }

    /// The state where a replay can start, or has a gap.
    pub fn state_snapshots(&self) -> Result<Lines<Snapshot>> {
        Lines::open(&self.dir, &self.path, STATE_SNAPSHOTS)
    }

    /// The events of a room before which the bundle has the state as it was: see [`Bundle::snapshot`].
    pub fn snapshots(&self, room: &RoomId) -> Result<BTreeSet<OwnedEventId>> {
        let found = self.index.snapshots(room);
        found.map_err(|error| self.unindexed(STATE_SNAPSHOTS, &error))
    }

    /// The IDs of the state events before an event, if it is one of [`Bundle::snapshots`]. The events are in the room's
    /// timeline or among its outliers.
    pub fn snapshot(&self, room: &RoomId, event: &EventId) -> Result<Option<Vec<OwnedEventId>>> {
        let found = self.index.snapshot(room, event);
        found.map_err(|error| self.unindexed(STATE_SNAPSHOTS, &error))
    }

    /// Each server's signing keys: objects as its `/_matrix/key/v2/server` or a notary gives them.
    pub fn server_keys(&self) -> Result<BTreeMap<OwnedServerName, Vec<Box<RawValue>>>> {
        Ok(self.contents().file(SERVER_KEYS)?.unwrap_or_default())
    }

    /// What the export could not read.
    pub fn problems(&self) -> Result<Vec<Problem>> {
        Ok(self.contents().file(PROBLEMS)?.unwrap_or_default())
    }

    /// A room's events: outliers, then the timeline in topological order. None in version 1.
    pub fn events(&self, room: &RoomId) -> Result<Events> {
        match self.events.rooms.get(room) {
            Some(frame) => Events::of(&self.dir, &self.path, room, frame),
            None => Ok(Events::none(&self.path, room)),
        }
    }

    fn contents(&self) -> Contents<'_> {
        Contents {
            path: &self.path,
            dir: &self.dir,
        }
    }

    /// An error if an entry says that it could not be exported.
    fn not_failed(&self, file: &str, key: &str, value: &RawValue) -> Result<()> {
        match serde_json::from_str(value.get()) {
            Ok(Failed { error }) => Err(self.contents().fault(format!(
                "{file} has no data of {key}, because its export failed ({error}): export again"
            ))),
            Err(_) => Ok(()),
        }
    }

    fn unindexed(&self, file: &str, error: &rusqlite::Error) -> Error {
        self.contents().fault(format!(
            "its index of {file} can't be read ({error}): open it again"
        ))
    }

    pub(super) fn frames(&self, room: &RoomId) -> Option<&Frames> {
        self.events.rooms.get(room)
    }

    pub(super) fn path_of(&self, shard: &str) -> PathBuf {
        self.dir.join(shard)
    }

    /// An entry of one of the files by user or room, as it is written.
    pub(super) fn entry(&self, file: &str, key: &str) -> Result<Option<Box<RawValue>>> {
        let found = self.index.get(file, key);
        found.map_err(|error| self.unindexed(file, &error))
    }

    fn by_room<T: DeserializeOwned>(&self, file: &str, room: &RoomId) -> Result<T> {
        let fault = |reason| self.contents().fault(reason);
        let value = self
            .index
            .get(file, room.as_str())
            .map_err(|error| self.unindexed(file, &error))?
            .ok_or_else(|| {
                fault(format!(
                    "{room} is not in {file}: its export failed (problems.json says why); export again"
                ))
            })?;
        self.not_failed(file, room.as_str(), &value)?;
        serde_json::from_str(value.get()).map_err(|error| {
            fault(format!(
                "{room} can't be read in {file} ({error}): export again"
            ))
        })
    }
}

/// A media item's content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaFile {
    /// The file, for as long as the bundle is open.
    pub path: PathBuf,
    /// Its length.
    pub bytes: u64,
}

/// The files with an entry by user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OfUser {
    /// [`AccountData`](crate::model::account_data::AccountData).
    AccountData,
    /// [`PushRules`](crate::model::push_rules::PushRules).
    PushRules,
    /// A list of pushers as `GET /pushers` gives them.
    Pushers,
    /// Room → list of [`Receipt`](crate::model::receipt::Receipt)s.
    Receipts,
    /// Room → [`Pending`](crate::model::pending::Pending).
    Pending,
    /// [`CrossSigning`](crate::model::cross_signing::CrossSigning).
    CrossSigning,
    /// `{devices: […]}` of [`Device`](crate::model::device::Device)s.
    Devices,
    /// Device → its public keys.
    DeviceKeys,
}

impl OfUser {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::AccountData => ACCOUNT_DATA,
            Self::PushRules => PUSH_RULES,
            Self::Pushers => PUSHERS,
            Self::Receipts => RECEIPTS,
            Self::Pending => PENDING,
            Self::CrossSigning => CROSS_SIGNING,
            Self::Devices => DEVICES,
            Self::DeviceKeys => DEVICE_KEYS,
        }
    }
}

/// What version 1 writes in the place of a room's or user's data.
#[derive(serde::Deserialize)]
struct Failed {
    #[serde(rename = "_error")]
    error: String,
}

/// The directory with the files: version 1's archives may have one directory around them.
fn root(dir: PathBuf) -> PathBuf {
    let mut entries = std::fs::read_dir(&dir).into_iter().flatten().flatten();
    match (entries.next(), entries.next()) {
        (Some(only), None) if only.path().is_dir() => only.path(),
        _ => dir,
    }
}
