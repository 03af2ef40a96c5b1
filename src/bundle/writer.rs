//! Writing a bundle: files in a staging directory beside its place, then checksums, archive and one rename.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
};

use ruma::{OwnedRoomAliasId, OwnedRoomId, OwnedServerName};
use serde::{Deserialize, Serialize};
use serde_json::{json, value::RawValue};

use super::{
    VERSION,
    archive::{self, Form},
    checkpoint::{Checkpoint, Lengths, Position},
    file_names::{
        ALIASES, DIRECTORY, KEY_BACKUPS, MANIFEST, MEDIA_REFS, MEMBERSHIPS, METADATA, PROBLEMS,
        REPORT, ROOM_STATE, ROOMS, SCHEMA, SERVER_KEYS, STATE_SNAPSHOTS,
    },
    files, fresh,
    json_stream::{self, JsonFile},
    leftovers,
    lines::LinesFile,
    manifest,
    media::Media,
    people::People,
    records::{RoomRecord, UserRecord},
    schema::{Schema, SourceKind},
    shards::{ShardMark, ShardWriter},
    staging::Staging,
};
use crate::{
    Error, Result,
    job::Problem,
    model::{
        event_line::EventLine,
        figures::Figures,
        key_backup::KeyBackupLine,
        media::MediaRef,
        snapshot::Snapshot,
        wanted::{self, Wanted},
    },
};

/// Where a bundle's data comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// How the source is read.
    pub source: SourceKind,
    /// As Synapse says it itself; the database doesn't tell.
    pub synapse_version: Option<String>,
    /// The exported server.
    pub server_name: OwnedServerName,
    /// Milliseconds since the Unix epoch at which the export began.
    pub exported_ts: u64,
    /// See [`Schema::stream_position`].
    pub stream_position: Option<u64>,
    /// What is to be in it.
    pub wanted: Wanted,
}

/// Renders `report.html`: the page is for people, and what they read is made on a higher floor.
pub type Page = dyn Fn(&Origin, &Figures) -> String + Send;

/// A finished bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// Where it is.
    pub path: PathBuf,
    /// Its size in bytes.
    pub bytes: u64,
}

/// A bundle that is being written. Dropped before [`BundleWriter::finish`], it leaves nothing behind, unless there was a
/// [`BundleWriter::checkpoint`].
pub struct BundleWriter {
    out: PathBuf,
    form: Form,
    staging: Staging,
    origin: Origin,
    users: u64,
    people: People,
    rooms: u64,
    events: u64,
    rooms_file: JsonFile,
    state_file: JsonFile,
    memberships_file: JsonFile,
    aliases: BTreeMap<OwnedRoomAliasId, OwnedRoomId>,
    published: BTreeSet<OwnedRoomId>,
    shards: ShardWriter,
    snapshots: LinesFile,
    key_backups: LinesFile,
    media: Option<Media>,
    server_keys: BTreeMap<OwnedServerName, Vec<Box<RawValue>>>,
    problems: Vec<Problem>,
    figures: Figures,
    complete: bool,
}

impl BundleWriter {
    /// Begins a bundle at `out`, whose ending chooses its form: `.tar.zst`, `.tar`, or a directory.
    ///
    /// [`Error::Usage`] if something is there already. What another export left unfinished there is removed.
    pub fn create(out: &Path, origin: Origin) -> Result<Self> {
        let staging = Staging::create(out)?;
        Self::begin(out, staging, Start::anew(origin))
    }

    /// Goes on with what an export of the same left unfinished at `out`, if there is something of the kind; also where
    /// it stood, and the servers whose keys it needs.
    pub fn resume(
        out: &Path,
        origin: &Origin,
    ) -> Result<Option<(Self, Position, BTreeSet<OwnedServerName>)>> {
        let Some((staging, checkpoint)) = Staging::left(out, origin)? else {
            return Ok(None);
        };
        let (position, signers) = (checkpoint.position.clone(), checkpoint.signers.clone());
        let writer = Self::begin(out, staging, Start::at(checkpoint.clone()))?;
        leftovers::remove(&writer.staging.files(), &checkpoint)?;
        Ok(Some((writer, position, signers)))
    }

    fn begin(out: &Path, staging: Staging, start: Start) -> Result<Self> {
        let dir = staging.files();
        let Start { origin, marks, .. } = &start;
        let media = || Media::create(&dir, marks.of(MEDIA_REFS), start.media_bytes);
        Ok(Self {
            out: out.to_owned(),
            form: Form::of_name(out),
            users: start.users,
            people: People::create(&dir, &origin.wanted, marks)?,
            rooms: start.rooms,
            events: start.events,
            rooms_file: JsonFile::list(dir.join(ROOMS), marks.of(ROOMS))?,
            state_file: JsonFile::map(dir.join(ROOM_STATE), marks.of(ROOM_STATE))?,
            memberships_file: JsonFile::map(dir.join(MEMBERSHIPS), marks.of(MEMBERSHIPS))?,
            snapshots: LinesFile::create(dir.join(STATE_SNAPSHOTS), marks.of(STATE_SNAPSHOTS))?,
            key_backups: LinesFile::create(dir.join(KEY_BACKUPS), marks.of(KEY_BACKUPS))?,
            media: (origin.wanted.media != wanted::Media::None)
                .then(media)
                .transpose()?,
            shards: ShardWriter::new(&dir, start.shards)?,
            aliases: start.aliases,
            published: start.published,
            server_keys: BTreeMap::new(),
            problems: start.problems,
            figures: start.figures,
            complete: true,
            origin: start.origin,
            staging,
        })
    }

    /// Brings everything so far to the disk, so that a later run can go on from `position`, up to which everything has
    /// to be there. Password hashes are not kept: only the database has them, and it is read in one go.
    pub fn checkpoint(
        &mut self,
        position: Position,
        signers: BTreeSet<OwnedServerName>,
    ) -> Result<()> {
        let mut lengths = Lengths::default();
        self.people.mark(&mut lengths)?;
        let mut add = |name: &str, length: u64| lengths.0.insert(name.to_owned(), length);
        add(ROOMS, self.rooms_file.mark()?);
        add(ROOM_STATE, self.state_file.mark()?);
        add(MEMBERSHIPS, self.memberships_file.mark()?);
        add(STATE_SNAPSHOTS, self.snapshots.mark()?);
        add(KEY_BACKUPS, self.key_backups.mark()?);
        let mut media_bytes = 0;
        if let Some(media) = &mut self.media {
            let (refs, contents) = media.mark()?;
            add(MEDIA_REFS, refs);
            media_bytes = contents;
        }
        let checkpoint = Checkpoint {
            origin: self.origin.clone(),
            position,
            signers,
            lengths,
            users: self.users,
            rooms: self.rooms,
            events: self.events,
            aliases: self.aliases.clone(),
            published: self.published.clone(),
            shards: self.shards.mark()?,
            media_bytes,
            problems: self.problems.clone(),
            figures: self.figures.clone(),
        };
        checkpoint.write(self.staging.path())?;
        self.staging.stays = true;
        Ok(())
    }

    /// Adds a user with all that belongs to them; the caller adds each one once, in the order of their IDs.
    pub fn user(&mut self, record: &UserRecord) -> Result<()> {
        self.users += 1;
        self.figures.user(&record.user);
        for (name, count) in record.counts() {
            self.figures.count(name, count);
        }
        self.people.add(record)
    }

    /// Adds a line of a key backup; a version comes before its sessions.
    pub fn key_backup(&mut self, line: &KeyBackupLine) -> Result<()> {
        let kind = match line {
            KeyBackupLine::Version { .. } => "key backups",
            KeyBackupLine::Session { .. } => "backed-up sessions",
        };
        self.figures.count(kind, 1);
        self.key_backups.line(line)
    }

    /// Adds events of the room whose [`BundleWriter::room`] comes next: timeline events in their order, outliers so that
    /// each comes after those that authorise it.
    pub fn events(&mut self, events: &[EventLine]) -> Result<()> {
        for event in events.iter().filter(|event| event.is_in_timeline()) {
            let read = || {
                let dated = serde_json::from_str::<Dated>(event.pdu.get()).ok()?;
                Some(dated.origin_server_ts)
            };
            if let Some(ts) = event.ts.or_else(read) {
                self.figures.event_ts(ts);
            }
        }
        self.shards.events(events)
    }

    /// Adds the state before an event.
    pub fn snapshot(&mut self, snapshot: &Snapshot) -> Result<()> {
        self.snapshots.line(snapshot)
    }

    /// Adds a room, after its events; the caller adds each one once, in the order of their IDs.
    pub fn room(&mut self, record: &RoomRecord) -> Result<()> {
        let id = &record.room.room_id;
        self.rooms += 1;
        self.events += record.room.event_count;
        self.figures.room(&record.room);
        self.figures
            .count("local aliases", record.aliases.len() as u64);
        let memberships = record.memberships.as_ref().map_or(0, BTreeMap::len);
        self.figures.count("memberships", memberships as u64);
        self.rooms_file.item(&record.room)?;
        if let Some(state) = &record.state {
            self.state_file.entry(id.as_str(), state)?;
        }
        if let Some(memberships) = &record.memberships {
            self.memberships_file.entry(id.as_str(), memberships)?;
        }
        for alias in &record.aliases {
            self.aliases.insert(alias.clone(), id.clone());
        }
        if record.room.public == Some(true) {
            self.published.insert(id.clone());
        }
        self.shards
            .close(id, record.room.version.as_ref(), record.disordered)
    }

    /// Adds a local media item and, if it was read, its content, whose checksum is filled in.
    ///
    /// The error in the inner result is the content's own: it is left out then.
    pub fn media(
        &mut self,
        item: MediaRef,
        content: Option<&mut dyn io::Read>,
    ) -> Result<Result<(), io::Error>> {
        match &mut self.media {
            Some(media) => {
                let kind = item.media_type.as_deref().unwrap_or("unknown");
                self.figures.media(kind, item.length.unwrap_or_default());
                media.add(item, content)
            }
            None => Ok(Ok(())),
        }
    }

    /// Adds a server's signing keys as its `/_matrix/key/v2/server` or a notary gives them.
    pub fn server_keys(&mut self, server: OwnedServerName, keys: Box<RawValue>) {
        self.server_keys.entry(server).or_default().push(keys);
    }

    /// Adds something that could not be read.
    pub fn problem(&mut self, problem: Problem) {
        self.figures.problem(&problem);
        self.problems.push(problem);
    }

    /// The source broke off: what has been added stays, but for the events of a room that was not added any more.
    pub fn broken_off(&mut self) -> Result<()> {
        self.complete = false;
        self.shards.abandon()
    }

    /// Users added so far.
    pub fn users_written(&self) -> u64 {
        self.users
    }

    /// Rooms added so far.
    pub fn rooms_written(&self) -> u64 {
        self.rooms
    }

    /// Timeline events of these rooms.
    pub fn events_written(&self) -> u64 {
        self.events
    }

    /// What could not be read so far.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// Completes the bundle and puts it in its place. `progress` hears (steps done, steps in all): each file is hashed
    /// and packed.
    pub fn finish(mut self, page: &Page, progress: &mut dyn FnMut(u64, u64)) -> Result<Finished> {
        let dir = self.staging.files();
        let page = page(&self.origin, &self.figures);
        fresh::written(&dir.join(REPORT), page.as_bytes())?;
        self.people.finish(&dir)?;
        self.rooms_file.finish()?;
        self.state_file.finish()?;
        self.memberships_file.finish()?;
        self.shards.finish()?;
        self.snapshots.finish()?;
        self.key_backups.finish()?;
        let media = self.media.is_some();
        let media_bytes = self.media.map(Media::finish).transpose()?;
        let write =
            |name: &str, text: String| fresh::written(&dir.join(name), (text + "\n").as_bytes());
        write(ALIASES, json_stream::json(&self.aliases, &dir)?)?;
        write(DIRECTORY, json_stream::json(&self.published, &dir)?)?;
        write(SERVER_KEYS, json_stream::json(&self.server_keys, &dir)?)?;
        write(PROBLEMS, json_stream::json(&self.problems, &dir)?)?;
        let metadata = json!({
            "server_version": { "server_version": self.origin.synapse_version },
            "users": self.users,
            "rooms": self.rooms,
            "devices_exported": self.origin.wanted.devices,
            "media_refs": media,
            "media_store_copied_bytes": media_bytes.unwrap_or_default(),
        });
        write(METADATA, metadata.to_string())?;
        let schema = Schema {
            exporter_version: VERSION,
            source: Some(self.origin.source),
            synapse_version: self.origin.synapse_version,
            server_name: Some(self.origin.server_name),
            exported_ts: Some(self.origin.exported_ts),
            stream_position: self.origin.stream_position,
            wanted: Some(self.origin.wanted),
            complete: self.complete,
            files: files::all(&dir, &self.out)?.into_iter().collect(),
        };
        write(SCHEMA, json_stream::json(&schema, &dir)?)?;

        let count = schema.files.len() as u64 + 1;
        // Every file is hashed, then packed together with the manifest.
        let total = 2 * count + 1;
        let manifest = manifest::of(&dir, &mut |done| progress(done, total))?;
        write(MANIFEST, json_stream::json(&manifest, &dir)?)?;
        let bytes = match self.form {
            Form::Directory => {
                fresh::sync_dirs(&dir)?;
                fs::rename(&dir, &self.out).map_err(Error::file(&self.out))?;
                size(&self.out)?
            }
            form => {
                let packed = self.staging.packed();
                archive::pack(&dir, &packed, form, self.origin.exported_ts, &mut |done| {
                    progress(count + done, total);
                })?;
                fs::rename(&packed, &self.out).map_err(Error::file(&self.out))?;
                fs::metadata(&self.out)
                    .map_err(Error::file(&self.out))?
                    .len()
            }
        };
        fresh::sync_dir(self.out.parent().unwrap_or(Path::new("")))?;
        self.staging.stays = false;
        progress(total, total);
        Ok(Finished {
            path: self.out.clone(),
            bytes,
        })
    }
}

/// Bytes of a directory bundle.
fn size(dir: &Path) -> Result<u64> {
    let mut bytes = 0;
    for name in files::all(dir, dir)?
        .iter()
        .map(String::as_str)
        .chain([MANIFEST])
    {
        let path = dir.join(name);
        bytes += fs::metadata(&path).map_err(Error::file(&path))?.len();
    }
    Ok(bytes)
}

/// What a writer begins with.
struct Start {
    origin: Origin,
    marks: Lengths,
    users: u64,
    rooms: u64,
    events: u64,
    aliases: BTreeMap<OwnedRoomAliasId, OwnedRoomId>,
    published: BTreeSet<OwnedRoomId>,
    shards: ShardMark,
    media_bytes: u64,
    problems: Vec<Problem>,
    figures: Figures,
}

/// What the page needs of an event.
#[derive(Deserialize)]
struct Dated {
    origin_server_ts: u64,
}

impl Start {
    fn anew(origin: Origin) -> Self {
        Self {
            origin,
            marks: Lengths::default(),
            users: 0,
            rooms: 0,
            events: 0,
            aliases: BTreeMap::new(),
            published: BTreeSet::new(),
            shards: ShardMark::default(),
            media_bytes: 0,
            problems: Vec::new(),
            figures: Figures::default(),
        }
    }

    fn at(checkpoint: Checkpoint) -> Self {
        Self {
            origin: checkpoint.origin,
            marks: checkpoint.lengths,
            users: checkpoint.users,
            rooms: checkpoint.rooms,
            events: checkpoint.events,
            aliases: checkpoint.aliases,
            published: checkpoint.published,
            shards: checkpoint.shards,
            media_bytes: checkpoint.media_bytes,
            problems: checkpoint.problems,
            figures: checkpoint.figures,
        }
    }
}
