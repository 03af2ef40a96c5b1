//! Room state and memberships by room, in a small database, so that no map of all rooms is ever in memory.

use std::{fs::File, path::Path, sync::Mutex};

use ruma::RoomId;
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::value::RawValue;

use super::{
    contents::Contents,
    file_names::{MEMBERSHIPS, ROOM_STATE},
    json_stream,
};
use crate::{Error, Result};

/// The values of `room_state.json` and `memberships.json`, by room.
pub(super) struct RoomIndex(Mutex<Connection>);

impl RoomIndex {
    /// Reads both files of a bundle into the new database `at`.
    pub(super) fn build(contents: &Contents<'_>, at: &Path) -> Result<Self> {
        let fault = |source| {
            contents.fault(format!(
                "its rooms can't be indexed ({source}): is there room on the disk?"
            ))
        };
        let mut db = Connection::open(at).map_err(fault)?;
        // A throw-away file: nothing of it needs to survive a crash.
        db.execute_batch(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;
             CREATE TABLE entry (file TEXT, room TEXT, value TEXT NOT NULL, PRIMARY KEY (file, room)) WITHOUT ROWID;",
        )
        .map_err(fault)?;
        let all = db.transaction().map_err(fault)?;
        for name in [ROOM_STATE, MEMBERSHIPS] {
            let path = contents.dir.join(name);
            let mut insert = all
                .prepare("INSERT INTO entry (file, room, value) VALUES (?1, ?2, ?3)")
                .map_err(fault)?;
            let file = File::open(&path).map_err(|error| {
                if error.kind() == std::io::ErrorKind::NotFound {
                    contents.missing(name)
                } else {
                    Error::file(&path)(error)
                }
            })?;
            json_stream::each_entry(file, |room, value| {
                insert
                    .execute(params![name, room, value.get()])
                    .map(drop)
                    .map_err(|error| format!("{room}: {error}"))
            })
            .map_err(|error| {
                contents.fault(format!("{name} can't be read ({error}): export again"))
            })?;
        }
        all.commit().map_err(fault)?;
        Ok(Self(Mutex::new(db)))
    }

    /// One room's value in one file, or `None` if the room isn't in it.
    pub(super) fn get(&self, file: &str, room: &RoomId) -> rusqlite::Result<Option<Box<RawValue>>> {
        let db = self
            .0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let text: Option<String> = db
            .query_row(
                "SELECT value FROM entry WHERE file = ?1 AND room = ?2",
                params![file, room.as_str()],
                |row| row.get(0),
            )
            .optional()?;
        // It was JSON when it went in.
        Ok(text.and_then(|text| RawValue::from_string(text).ok()))
    }
}
