//! SQLite: opened read-only, one transaction.
//!
//! Synapse runs SQLite in write-ahead mode, where a reader sees one state for as long as its transaction lasts, and
//! hinders no writer (<https://www.sqlite.org/wal.html>).

use std::{fs, path::Path, time::Duration};

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::{
    Failure,
    row::{Inner, Row},
};
use crate::Result;

/// How long a lock of somebody else is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// Pages that are kept, in KiB. Events are read in the order of their rooms, which is not that of the file: with SQLite's
/// own 2 MB most pages would be read several times.
const CACHE: u32 = 64 * 1024;

/// Characters that mean something in SQLite's file URIs.
const URI: &AsciiSet = &CONTROLS.add(b'%').add(b'?').add(b'#').add(b' ');

pub(super) struct Sqlite(Connection);

impl Sqlite {
    /// Opens the file and takes the snapshot; the error is a clause.
    pub(super) fn open(path: &Path) -> Result<Self, String> {
        readable(path)?;
        let opened = snapshot(path, "").or_else(|error| {
            if may_be_immutable(&error, path) {
                snapshot(path, "&immutable=1")
            } else {
                Err(error)
            }
        });
        opened.map(Self).map_err(|error| clause(&error))
    }

    pub(super) fn each(
        &self,
        sql: &str,
        take: &mut dyn FnMut(&Row<'_>) -> Result<()>,
    ) -> Result<u64, Failure> {
        let failed = |error| Failure::Reading(clause(&error));
        let mut statement = self.0.prepare(sql).map_err(failed)?;
        let mut rows = statement.query([]).map_err(failed)?;
        let mut count = 0;
        while let Some(row) = rows.next().map_err(failed)? {
            take(&Row(Inner::Sqlite(row))).map_err(Failure::Taking)?;
            count += 1;
        }
        Ok(count)
    }
}

/// SQLite itself says only that it can't open a file.
fn readable(path: &Path) -> Result<(), String> {
    match fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(
            "there is no such file: name the file of Synapse's SQLite database (if Synapse runs in a container, \
             as it is called outside of it)"
                .to_owned(),
        ),
        Ok(data) if !data.is_file() => Err("it is not a file: name Synapse's database file".to_owned()),
        _ => match fs::File::open(path) {
            Ok(_) => Ok(()),
            Err(error) => Err(format!(
                "it can't be read ({error}): run Ferryman as the user that Synapse runs as, or give it a copy"
            )),
        },
    }
}

fn snapshot(path: &Path, more: &str) -> rusqlite::Result<Connection> {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let uri = format!(
        "file:{}?mode=ro{more}",
        utf8_percent_encode(&absolute.to_string_lossy(), URI)
    );
    let connection = Connection::open_with_flags(
        uri,
        OpenFlags::SQLITE_OPEN_READ_ONLY
            | OpenFlags::SQLITE_OPEN_URI
            | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    connection.busy_timeout(PATIENCE)?;
    connection.execute_batch(&format!(
        "PRAGMA query_only = ON; PRAGMA cache_size = -{CACHE}; BEGIN DEFERRED"
    ))?;
    // The snapshot is taken by the first read.
    connection.query_row("SELECT count(*) FROM sqlite_master", [], |row| {
        row.get::<_, i64>(0)
    })?;
    Ok(connection)
}

/// In a folder where nothing can be written, SQLite can't make the files that readers and writers share. If there is
/// no write-ahead log, nobody writes, and the file can be read without them.
fn may_be_immutable(error: &rusqlite::Error, path: &Path) -> bool {
    let cant_share = matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly)
    );
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    cant_share && !Path::new(&log).exists()
}

/// SQLite's reason, with what to do about it.
fn clause(error: &rusqlite::Error) -> String {
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => {
            "it is no SQLite database: name Synapse's database file".to_owned()
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            "another program has locked it: wait until that is done (a VACUUM, a backup), then try again"
                .to_owned()
        }
        Some(ErrorCode::DatabaseCorrupt) => format!(
            "it is damaged ({error}): check it with `sqlite3 FILE 'PRAGMA integrity_check'`, or take a backup"
        ),
        Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly) => format!(
            "SQLite can't open it ({error}): run Ferryman as the user that Synapse runs as, or copy the file together \
             with the one that ends with -wal"
        ),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(code: i32) -> rusqlite::Error {
        rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), None)
    }

    #[test]
    fn only_a_file_that_nobody_writes_is_opened_as_immutable() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("homeserver.db");
        let cant_open = error(rusqlite::ffi::SQLITE_CANTOPEN);
        assert!(may_be_immutable(&cant_open, &path));
        assert!(!may_be_immutable(
            &error(rusqlite::ffi::SQLITE_NOTADB),
            &path
        ));
        fs::write(dir.path().join("homeserver.db-wal"), "").unwrap();
        assert!(!may_be_immutable(&cant_open, &path));
    }

    #[test]
    fn an_immutable_file_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a b?c#d%.db");
        Connection::open(&path)
            .unwrap()
            .execute_batch(
                "PRAGMA journal_mode = WAL; CREATE TABLE t (x); INSERT INTO t VALUES (1)",
            )
            .unwrap();
        let connection = snapshot(&path, "&immutable=1").unwrap();
        let count = connection.query_row("SELECT count(*) FROM t", [], |row| row.get::<_, i64>(0));
        assert_eq!(count.unwrap(), 1);
        // Nothing was made beside it.
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn reasons_come_with_a_remedy() {
        let clauses = [
            rusqlite::ffi::SQLITE_NOTADB,
            rusqlite::ffi::SQLITE_BUSY,
            rusqlite::ffi::SQLITE_CORRUPT,
            rusqlite::ffi::SQLITE_CANTOPEN,
            rusqlite::ffi::SQLITE_IOERR,
        ]
        .map(|code| clause(&error(code)));
        insta::assert_snapshot!(clauses.join("\n"), @r"
        it is no SQLite database: name Synapse's database file
        another program has locked it: wait until that is done (a VACUUM, a backup), then try again
        it is damaged (Error code 11: The database disk image is malformed): check it with `sqlite3 FILE 'PRAGMA integrity_check'`, or take a backup
        SQLite can't open it (Error code 14: Unable to open the database file): run Ferryman as the user that Synapse runs as, or copy the file together with the one that ends with -wal
        Error code 10: Some kind of disk I/O error occurred
        ");
    }
}
