//! The maps by room and by user, in a small database, so that no such map is ever whole in memory.

use std::{path::Path, sync::Mutex};

use rusqlite::{Connection, ErrorCode, OptionalExtension, params};
use serde_json::value::RawValue;

use super::{
    contents::Contents,
    file_names::{
        ACCOUNT_DATA, CROSS_SIGNING, DEVICE_KEYS, DEVICES, MEMBERSHIPS, PENDING, PUSH_RULES,
        PUSHERS, RECEIPTS, ROOM_STATE,
    },
    fresh, json_stream,
};
use crate::Result;

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
             CREATE TABLE entry (file TEXT, key TEXT, value TEXT NOT NULL, PRIMARY KEY (file, key)) WITHOUT ROWID;",
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
        all.commit().map_err(fault)?;
        Ok(Self(Mutex::new(db)))
    }

    /// A room's or user's value in one file, or `None` if it isn't there.
    pub(super) fn get(&self, file: &str, key: &str) -> rusqlite::Result<Option<Box<RawValue>>> {
        let db = self
            .0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let text: Option<String> = db
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
