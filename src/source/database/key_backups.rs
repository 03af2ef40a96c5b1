//! `e2e_room_keys_versions` and `e2e_room_keys`: encrypted copies of Megolm sessions.

use std::iter::Peekable;

use ruma::OwnedUserId;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use super::{
    Database, Row,
    batch::{json, text},
};
use crate::{
    Result,
    job::Phase,
    model::key_backup::KeyBackupLine,
    source::intake::{Intake, Record, problem},
};

/// A session as `GET /_matrix/client/v3/room_keys/keys` gives it.
#[derive(Serialize)]
#[expect(clippy::struct_field_names, reason = "named as in the specification")]
struct Session {
    first_message_index: Option<i64>,
    forwarded_count: Option<i64>,
    is_verified: bool,
    session_data: Box<RawValue>,
}

/// A version that is not deleted, and what it is sorted by.
struct Version {
    key: (String, i64),
    line: KeyBackupLine,
}

/// Hands over every version that is not deleted, each before its sessions.
pub(super) fn read(database: &mut Database, to: &Intake) -> Result<()> {
    let versions = versions(database, to)?;
    to.begin(Phase::ExportKeyBackups, versions.len() as u64);
    let mut done = 0;
    let mut versions = versions.into_iter().peekable();
    let sql = format!(
        "SELECT k.user_id, k.version, k.room_id, k.session_id, k.first_message_index, k.forwarded_count, \
         k.is_verified, k.session_data FROM e2e_room_keys k JOIN e2e_room_keys_versions v \
         ON v.user_id = k.user_id AND v.version = k.version WHERE v.deleted = 0 ORDER BY {}, k.version, {}, {}",
        database.bytewise("k.user_id"),
        database.bytewise("k.room_id"),
        database.bytewise("k.session_id")
    );
    let mut current = None;
    database.each(&sql, &mut |row| {
        let key = (
            row.text(0).unwrap_or_default().to_owned(),
            row.int(1).unwrap_or_default(),
        );
        if current.as_ref() != Some(&key) {
            done += send(
                &mut versions,
                |version| version.key <= key,
                &mut current,
                to,
            )?;
            to.done(Phase::ExportKeyBackups, done);
        }
        // A version that could not be read, or of a user who is not wanted.
        if current.as_ref() != Some(&key) {
            return Ok(());
        }
        match session(row) {
            Ok(line) => to.send_blocking(Record::KeyBackup(line)),
            Err(reason) => to.send_blocking(Record::Problem(problem(
                "key backup",
                &key.0,
                &format!("a session of version {}: {reason}", key.1),
            ))),
        }
    })?;
    done += send(&mut versions, |_| true, &mut current, to)?;
    to.done(Phase::ExportKeyBackups, done);
    Ok(())
}

/// Hands over versions while `due`; `current` is the last one.
fn send(
    versions: &mut Peekable<impl Iterator<Item = Version>>,
    due: impl Fn(&Version) -> bool,
    current: &mut Option<(String, i64)>,
    to: &Intake,
) -> Result<u64> {
    let mut sent = 0;
    while let Some(version) = versions.next_if(&due) {
        to.send_blocking(Record::KeyBackup(version.line))?;
        *current = Some(version.key);
        sent += 1;
    }
    Ok(sent)
}

fn versions(database: &mut Database, to: &Intake) -> Result<Vec<Version>> {
    let sql = format!(
        "SELECT user_id, version, algorithm, auth_data FROM e2e_room_keys_versions WHERE deleted = 0 \
         ORDER BY {}, version",
        database.bytewise("user_id")
    );
    let mut versions = Vec::new();
    database.each(&sql, &mut |row| {
        match version(row) {
            Ok((user, _)) if !to.matcher().user(&user) => {}
            Ok((_, version)) => versions.push(version),
            Err(reason) => {
                let user = row.text(0).unwrap_or("?");
                to.send_blocking(Record::Problem(problem("key backup", user, &reason)))?;
            }
        }
        Ok(())
    })?;
    Ok(versions)
}

fn version(row: &Row<'_>) -> Result<(OwnedUserId, Version), String> {
    let user = text(row, 0, "user")?;
    let user_id = OwnedUserId::try_from(user).map_err(|error| error.to_string())?;
    let number = row.int(1).ok_or("its version is no number")?;
    let line = KeyBackupLine::Version {
        user_id: user_id.clone(),
        version: number.to_string(),
        algorithm: text(row, 2, "algorithm")?.to_owned(),
        auth_data: json(row, 3, "auth_data")?,
    };
    let key = (user.to_owned(), number);
    Ok((user_id, Version { key, line }))
}

fn session(row: &Row<'_>) -> Result<KeyBackupLine, String> {
    let user = text(row, 0, "user")?;
    let session = Session {
        first_message_index: row.int(4),
        forwarded_count: row.int(5),
        is_verified: row.flag(6).unwrap_or_default(),
        session_data: json(row, 7, "session_data")?,
    };
    Ok(KeyBackupLine::Session {
        user_id: OwnedUserId::try_from(user).map_err(|error| error.to_string())?,
        version: row.int(1).unwrap_or_default().to_string(),
        room_id: text(row, 2, "room")?.to_owned(),
        session_id: text(row, 3, "session ID")?.to_owned(),
        session: to_raw_value(&session).map_err(|error| error.to_string())?,
    })
}
