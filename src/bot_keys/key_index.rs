//! The best session seen so far for each (room, sender's key, session), and what was broken, on disk: memory does not grow
//! with the store.

use std::path::{Path, PathBuf};

use ruma::{OwnedRoomId, RoomId};
use rusqlite::{Connection, OptionalExtension, Row, params};
use secrecy::zeroize::Zeroizing;
use sha2::{Digest, Sha256};

use super::{broken::Broken, room_key::RoomKey};
use crate::{Error, Result, secret::write_private};

/// Why a session that reads well is listed all the same.
pub(super) const UNPROVED: &str =
    "the checksum of its record is wrong: the key is carried, but nothing proves it";

/// Where a session was found.
#[derive(Debug, Clone, Default)]
pub(super) struct Origin {
    /// The file, by its name in the store.
    pub(super) file: String,
    /// Where its value begins there, in bytes.
    pub(super) offset: u64,
    /// The row's key as far as it stands there.
    pub(super) row_key: Option<Vec<u8>>,
    /// Whether something proves that it is as it was written.
    pub(super) proved: bool,
}

/// A private file (mode 0600).
pub(super) struct KeyIndex {
    db: Connection,
    path: PathBuf,
}

impl KeyIndex {
    /// Makes it in a private folder that goes with its user: it has all the keys.
    pub(super) fn new(folder: &Path) -> Result<Self> {
        let path = folder.join("keys.sqlite");
        // SQLite's own would be readable by others.
        write_private(&path, b"").map_err(Error::file(&path))?;
        let failed = failure(&path);
        let db = Connection::open(&path).map_err(&failed)?;
        // A throw-away file: nothing of it needs to survive a crash, and no other file may have its content.
        db.execute_batch(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -16000;
             CREATE TABLE room (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
             CREATE TABLE key (id INTEGER PRIMARY KEY, room INTEGER NOT NULL, digest BLOB NOT NULL, session BLOB NOT NULL, first INTEGER NOT NULL,
                 proved INTEGER NOT NULL, file TEXT NOT NULL, at INTEGER NOT NULL, row_key BLOB, json TEXT NOT NULL);
             CREATE UNIQUE INDEX of_room ON key (room, digest);
             CREATE INDEX unproved ON key (file, at) WHERE proved = 0;
             CREATE TABLE broken (file TEXT NOT NULL, at INTEGER NOT NULL, row_key BLOB, error TEXT NOT NULL,
                 PRIMARY KEY (file, at));
             CREATE TABLE node (page INTEGER PRIMARY KEY, lsn INTEGER NOT NULL);
             CREATE TABLE blob (number INTEGER NOT NULL, page INTEGER NOT NULL, lsn INTEGER NOT NULL, PRIMARY KEY (number, page));
             BEGIN;",
        )
        .map_err(&failed)?;
        drop(failed);
        Ok(Self { db, path })
    }

    /// Keeps a session if there is no better one: what is proved goes before what is not, then the lower first index.
    pub(super) fn keep(&self, key: &RoomKey, origin: &Origin) -> Result<()> {
        let digest = digest(&key.sender_key, &key.session_id);
        let session = Sha256::digest(&key.session_id);
        let json =
            serde_json::to_string(key).map_err(|error| Error::file(&self.path)(error.into()))?;
        let json = Zeroizing::new(json);
        let keep = || -> rusqlite::Result<()> {
            let room = self.room(key.room_id.as_str())?;
            self.db
                .prepare_cached(
                    "INSERT INTO key (room, digest, first, proved, file, at, row_key, json, session)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
                     ON CONFLICT (room, digest) DO UPDATE SET first = excluded.first, proved = excluded.proved,
                         file = excluded.file, at = excluded.at, row_key = excluded.row_key, json = excluded.json
                     WHERE excluded.proved > key.proved OR excluded.proved = key.proved AND excluded.first < key.first",
                )?
                .execute(params![
                    room,
                    digest,
                    key.first_known_index,
                    origin.proved,
                    origin.file,
                    number(origin.offset),
                    origin.row_key,
                    *json,
                    &session[..16]
                ])?;
            Ok(())
        };
        keep().map_err(failure(&self.path))
    }

    /// The first index at which a session is kept, if it is.
    pub(super) fn first_of(
        &self,
        room: &RoomId,
        sender_key: &str,
        session_id: &str,
    ) -> Result<Option<u32>> {
        self.db
            .prepare_cached(
                "SELECT key.first FROM key JOIN room ON room.id = key.room WHERE room.name = ?1 AND key.digest = ?2",
            )
            .and_then(|mut find| {
                find.query_row(params![room.as_str(), digest(sender_key, session_id)], |row| {
                    row.get(0)
                })
                .optional()
            })
            .map_err(failure(&self.path))
    }

    fn room(&self, name: &str) -> rusqlite::Result<i64> {
        let known = self
            .db
            .prepare_cached("SELECT id FROM room WHERE name = ?1")?
            .query_row([name], |row| row.get(0))
            .optional()?;
        if let Some(known) = known {
            return Ok(known);
        }
        self.db
            .prepare_cached("INSERT INTO room (name) VALUES (?1)")?
            .execute([name])?;
        Ok(self.db.last_insert_rowid())
    }

    /// Notes a broken place.
    pub(super) fn broken(&self, broken: &Broken) -> Result<()> {
        self.change(
            "INSERT OR REPLACE INTO broken (file, at, row_key, error) VALUES (?1, ?2, ?3, ?4)",
            params![
                broken.file,
                number(broken.offset.unwrap_or_default()),
                broken.row_key,
                broken.error
            ],
        )
    }

    /// Forgets the broken places of a store, by the label of its files: it is read once more.
    pub(super) fn begin_again(&self, label: &str) -> Result<()> {
        self.change(
            "DELETE FROM broken WHERE substr(file, 1, length(?1)) = ?1",
            [label],
        )?;
        self.next_store()
    }

    /// Forgets what is known of a store's log.
    pub(super) fn next_store(&self) -> Result<()> {
        self.change("DELETE FROM node", [])?;
        self.change("DELETE FROM blob", [])
    }

    /// A page of Sled's was written whole.
    pub(super) fn node(&self, page: u64, lsn: u64) -> Result<()> {
        self.change(
            "INSERT INTO node (page, lsn) VALUES (?1, ?2)
             ON CONFLICT (page) DO UPDATE SET lsn = max(lsn, excluded.lsn)",
            [number(page), number(lsn)],
        )
    }

    /// Something of a page of Sled's was written into a blob.
    pub(super) fn blob(&self, blob: u64, page: u64, lsn: u64) -> Result<()> {
        self.change(
            "INSERT INTO blob (number, page, lsn) VALUES (?1, ?2, ?3)
             ON CONFLICT (number, page) DO UPDATE SET lsn = max(lsn, excluded.lsn)",
            [number(blob), number(page), number(lsn)],
        )
    }

    /// Notes as broken each blob that the log needs and that isn't there.
    pub(super) fn miss_blobs(&self, label: &str, is_there: impl Fn(&str) -> bool) -> Result<()> {
        let needed = || -> rusqlite::Result<Vec<i64>> {
            self.db
                .prepare(
                    "SELECT DISTINCT blob.number FROM blob LEFT JOIN node USING (page)
                     WHERE node.lsn IS NULL OR blob.lsn >= node.lsn ORDER BY blob.number",
                )?
                .query_map([], |row| row.get(0))?
                .collect()
        };
        for blob in needed().map_err(failure(&self.path))? {
            let file = format!("{label}blobs/{blob}");
            if !is_there(&file) {
                self.broken(&Broken {
                    file,
                    offset: None,
                    row_key: None,
                    error: "the file is missing, and the rows in it with it".into(),
                })?;
            }
        }
        Ok(())
    }

    fn change(&self, sql: &str, parameters: impl rusqlite::Params) -> Result<()> {
        self.db
            .prepare_cached(sql)
            .and_then(|mut change| change.execute(parameters))
            .map(drop)
            .map_err(failure(&self.path))
    }

    fn number_of(&self, sql: &str) -> Result<u64> {
        self.db
            .query_row(sql, [], |row| row.get::<_, i64>(0))
            .map(i64::unsigned_abs)
            .map_err(failure(&self.path))
    }

    /// Sessions that are kept.
    pub(super) fn total(&self) -> Result<u64> {
        self.number_of("SELECT count(*) FROM key")
    }

    /// Rooms that have one.
    pub(super) fn rooms(&self) -> Result<u64> {
        self.number_of("SELECT count(*) FROM room")
    }

    /// Places that are broken.
    pub(super) fn total_broken(&self) -> Result<u64> {
        self.number_of(
            "SELECT (SELECT count(*) FROM broken) + (SELECT count(*) FROM key WHERE proved = 0)",
        )
    }

    /// Each session, by room.
    pub(super) fn each_key(&self, tell: impl FnMut(RoomKey) -> Result<()>) -> Result<()> {
        self.keys(
            "SELECT key.json, key.first, key.proved FROM room CROSS JOIN key ON key.room = room.id ORDER BY room.name, key.digest",
            [],
            tell,
        )
    }

    /// Those of one room, by their ID. Of several that have one (a damaged copy names another sender), the best: what is
    /// proved, then the lower first index.
    pub(super) fn of_room(&self, room: &RoomId) -> Result<Vec<RoomKey>> {
        let mut keys = Vec::new();
        self.keys(
            "SELECT key.json, key.first, key.proved FROM room JOIN key ON key.room = room.id WHERE room.name = ?1 ORDER BY key.digest",
            [room.as_str()],
            |key| {
                keys.push(key);
                Ok(())
            },
        )?;
        keys.sort_by(|one: &RoomKey, other| {
            let rank = |key: &RoomKey| (!key.proved, key.first_known_index);
            let by_id = one.session_id.cmp(&other.session_id);
            by_id.then_with(|| rank(one).cmp(&rank(other)))
        });
        keys.dedup_by(|later, first| later.session_id == first.session_id);
        Ok(keys)
    }

    /// All rooms, and how many different session IDs each has.
    pub(super) fn by_room(&self) -> Result<Vec<(OwnedRoomId, u64)>> {
        let mut rooms = Vec::new();
        self.each(
            "SELECT room.name, count(DISTINCT key.session) FROM room JOIN key ON key.room = room.id GROUP BY room.id ORDER BY room.name",
            [],
            |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?)),
            |(room, keys)| {
                let room = RoomId::parse(room).map_err(|error| self.fault(&error.to_string()))?;
                rooms.push((room, keys.unsigned_abs()));
                Ok(())
            },
        )?;
        Ok(rooms)
    }

    fn keys(
        &self,
        sql: &str,
        parameters: impl rusqlite::Params,
        mut tell: impl FnMut(RoomKey) -> Result<()>,
    ) -> Result<()> {
        self.each(
            sql,
            parameters,
            |row| {
                let json = Zeroizing::new(row.get::<_, String>(0)?);
                let key = serde_json::from_str::<RoomKey>(&json);
                Ok((key, row.get(1)?, row.get(2)?))
            },
            |(key, first_known_index, proved)| {
                // It went in as JSON.
                let key = key.map_err(|error| self.fault(&error.to_string()))?;
                tell(RoomKey {
                    first_known_index,
                    proved,
                    ..key
                })
            },
        )
    }

    /// Each broken place, by file and offset.
    pub(super) fn each_broken(&self, tell: impl FnMut(Broken) -> Result<()>) -> Result<()> {
        self.each(
            &format!(
                "SELECT file, at, row_key, error FROM broken
                 UNION ALL SELECT file, at, row_key, '{UNPROVED}' FROM key WHERE proved = 0
                 ORDER BY file, at"
            ),
            [],
            |row| {
                Ok(Broken {
                    file: row.get(0)?,
                    offset: Some(row.get::<_, i64>(1)?.unsigned_abs()).filter(|at| *at > 0),
                    row_key: row.get(2)?,
                    error: row.get(3)?,
                })
            },
            tell,
        )
    }

    fn each<T>(
        &self,
        sql: &str,
        parameters: impl rusqlite::Params,
        read: impl Fn(&Row<'_>) -> rusqlite::Result<T>,
        mut tell: impl FnMut(T) -> Result<()>,
    ) -> Result<()> {
        let failed = failure(&self.path);
        let mut rows = self.db.prepare(sql).map_err(&failed)?;
        let mut rows = rows.query(parameters).map_err(&failed)?;
        while let Some(row) = rows.next().map_err(&failed)? {
            tell(read(row).map_err(&failed)?)?;
        }
        Ok(())
    }

    fn fault(&self, reason: &str) -> Error {
        Error::BotStore {
            path: self.path.clone(),
            reason: format!("the index of the keys can't be used ({reason})"),
        }
    }
}

/// What tells a room's sessions apart.
fn digest(sender_key: &str, session_id: &str) -> Vec<u8> {
    let digest = Sha256::new()
        .chain_update(sender_key)
        .chain_update([0])
        .chain_update(session_id)
        .finalize();
    digest[..16].to_vec()
}

/// SQLite's numbers have a sign; offsets, pages and log numbers never need the last bit.
fn number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn failure(path: &Path) -> impl Fn(rusqlite::Error) -> Error + '_ {
    move |source| Error::BotStore {
        path: path.to_owned(),
        reason: format!(
            "the index of the keys can't be used ({source}): is there room on the disk?"
        ),
    }
}
