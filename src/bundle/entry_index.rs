//! The maps by room and by user, and the state snapshots, in a small database, so that no such file is ever whole in
//! memory.

use std::{
    collections::BTreeSet,
    path::Path,
    sync::{Mutex, MutexGuard},
};

use ruma::{EventId, OwnedEventId, RoomId};
use rusqlite::{Connection, ErrorCode, OptionalExtension, params};
use serde_json::value::RawValue;

use super::{
    contents::Contents,
    file_names::{
        ACCOUNT_DATA, CROSS_SIGNING, DEVICE_KEYS, DEVICES, MEMBERSHIPS, PENDING, PUSH_RULES,
        PUSHERS, RECEIPTS, ROOM_STATE, STATE_SNAPSHOTS,
    },
    fresh, json_stream,
    lines::Lines,
};
use crate::{Result, model::snapshot::Snapshot};

/// Without these a bundle is none.
const NEEDED: [&str; 2] = [ROOM_STATE, MEMBERSHIPS];
/// The files that are indexed.
const FILES: [&str; 10] = [
    ROOM_STATE,
    MEMBERSHIPS,
    ACCOUNT_DATA,
    PUSH_RULES,
    PUSHERS,
    RECEIPTS,
    PENDING,
    CROSS_SIGNING,
    DEVICES,
    DEVICE_KEYS,
];

/// The values of these files, by file and key.
pub(super) struct EntryIndex(Mutex<Connection>);

impl EntryIndex {
    /// Reads the files of a bundle into the new database `at`.
    pub(super) fn build(contents: &Contents<'_>, at: &Path) -> Result<Self> {
        let fault = |source| {
            contents.fault(format!(
                "its rooms can't be indexed ({source}): is there room on the disk?"
            ))
        };
        // SQLite's own would be readable by others.
        fresh::file(at)?;
        let mut db = Connection::open(at).map_err(fault)?;
        // A throw-away file: nothing of it needs to survive a crash.
        db.execute_batch(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;
             CREATE TABLE entry (file TEXT, key TEXT, value TEXT NOT NULL, PRIMARY KEY (file, key)) WITHOUT ROWID;
             CREATE TABLE snapshot (room TEXT, event TEXT, state TEXT NOT NULL, PRIMARY KEY (room, event)) WITHOUT ROWID;",
        )
        .map_err(fault)?;
        let all = db.transaction().map_err(fault)?;
        for name in FILES {
            let mut insert = all
                .prepare("INSERT INTO entry (file, key, value) VALUES (?1, ?2, ?3)")
                .map_err(fault)?;
            let file = match contents.open(name)? {
                Some(file) => file,
                None if NEEDED.contains(&name) => return Err(contents.missing(name)),
                None => continue,
            };
            json_stream::each_entry(file, |key, value| {
                insert
                    .execute(params![name, key, value.get()])
                    .map(drop)
                    .map_err(|error| match error.sqlite_error_code() {
                        Some(ErrorCode::ConstraintViolation) => format!("{key} stands in it twice"),
                        _ => format!("{key}: {error}"),
                    })
            })
            .map_err(|error| contents.unreadable(name, &error))?;
        }
        {
            let mut insert = all
                .prepare("INSERT OR REPLACE INTO snapshot (room, event, state) VALUES (?1, ?2, ?3)")
                .map_err(fault)?;
            for snapshot in Lines::<Snapshot>::open(contents.dir, contents.path, STATE_SNAPSHOTS)? {
                let Snapshot {
                    room_id,
                    event_id,
                    state_before,
                } = snapshot?;
                // An event ID has no line break.
                let state: Vec<_> = state_before.iter().map(|id| id.as_str()).collect();
                insert
                    .execute(params![
                        room_id.as_str(),
                        event_id.as_str(),
                        state.join("\n")
                    ])
                    .map_err(fault)?;
            }
        }
        all.commit().map_err(fault)?;
        Ok(Self(Mutex::new(db)))
    }

    /// The events of a room before which the state is known.
    pub(super) fn snapshots(&self, room: &RoomId) -> rusqlite::Result<BTreeSet<OwnedEventId>> {
        let db = self.lock();
        let mut events = db.prepare_cached("SELECT event FROM snapshot WHERE room = ?1")?;
        let ids = events.query_map([room.as_str()], |row| row.get::<_, String>(0))?;
        ids.filter_map(|id| id.map(|id| id.try_into().ok()).transpose())
            .collect()
    }

    /// The IDs of the state events before an event.
    pub(super) fn snapshot(
        &self,
        room: &RoomId,
        event: &EventId,
    ) -> rusqlite::Result<Option<Vec<OwnedEventId>>> {
        let state: Option<String> = self
            .lock()
            .prepare_cached("SELECT state FROM snapshot WHERE room = ?1 AND event = ?2")?
            .query_row(params![room.as_str(), event.as_str()], |row| row.get(0))
            .optional()?;
        Ok(state.map(|state| state.lines().filter_map(|id| id.try_into().ok()).collect()))
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// A room's or user's value in one file, or `None` if it isn't there.
    pub(super) fn get(&self, file: &str, key: &str) -> rusqlite::Result<Option<Box<RawValue>>> {
        let text: Option<String> = self
            .lock()
            .query_row(
                "SELECT value FROM entry WHERE file = ?1 AND key = ?2",
                params![file, key],
                |row| row.get(0),
            )
            .optional()?;
        // It was JSON when it went in.
        Ok(text.and_then(|text| RawValue::from_string(text).ok()))
    }
}
