//! The interface on SQLite, and what is said about a file that can't be used.

mod sections;

use std::{fs, path::Path};

use proptest::prelude::*;
use rusqlite::Connection;

use super::*;

/// A database in a file of its own that is gone with the returned value's process; the file is unlinked at once.
pub(super) fn database(sql: &str) -> Database {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("homeserver.db");
    Connection::open(&path).unwrap().execute_batch(sql).unwrap();
    Database::open(&DatabaseAddress::Sqlite(path)).unwrap()
}

fn refusal(path: &Path) -> String {
    let error = Database::open(&DatabaseAddress::Sqlite(path.to_owned()))
        .err()
        .unwrap();
    assert_eq!(error.exit_code(), 11);
    error
        .to_string()
        .replace(&path.display().to_string(), "FILE")
}

#[test]
fn every_kind_of_column() {
    let mut database = database(
        "CREATE TABLE t (a TEXT, b BLOB, c INTEGER, d BOOLEAN, e TEXT, f REAL);
         INSERT INTO t VALUES ('é', x'7b7d', -5, 1, NULL, 0.5), (x'ff', 'as text', 7, 0, NULL, 1)",
    );
    let mut rows = Vec::new();
    let count = database
        .each("SELECT * FROM t ORDER BY c", &mut |row| {
            rows.push(format!(
                "{:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?}",
                row.text(0),
                row.bytes(0),
                row.text(1),
                row.int(2),
                row.count(2),
                row.flag(3),
                row.text(4),
                row.column(5),
                row.column(9)
            ));
            Ok(())
        })
        .unwrap();
    assert_eq!(count, 2);
    insta::assert_snapshot!(rows.join("\n"), @r#"
    Some("é") Some([195, 169]) Some("{}") Some(-5) None Some(true) None Null Null
    None Some([255]) Some("as text") Some(7) Some(7) Some(false) None Null Null
    "#);
}

#[test]
fn the_takers_error_ends_the_reading() {
    let mut database = database("CREATE TABLE t (a); INSERT INTO t VALUES (1), (2), (3)");
    let mut seen = 0;
    let ended = database.each("SELECT a FROM t", &mut |_| {
        seen += 1;
        Err(Error::Stopped)
    });
    assert!(matches!(ended, Err(Error::Stopped)));
    assert_eq!(seen, 1);
    // And the next query works.
    assert_eq!(
        database.each("SELECT a FROM t", &mut |_| Ok(())).unwrap(),
        3
    );
}

#[test]
fn what_is_written_meanwhile_is_not_seen_and_the_writer_does_not_wait() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("homeserver.db");
    let writer = Connection::open(&path).unwrap();
    writer
        .execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE t (a); INSERT INTO t VALUES (1)")
        .unwrap();
    let mut database = Database::open(&DatabaseAddress::Sqlite(path)).unwrap();
    writer.execute_batch("INSERT INTO t VALUES (2)").unwrap();
    assert_eq!(
        database.each("SELECT a FROM t", &mut |_| Ok(())).unwrap(),
        1
    );
    assert!(database.second().unwrap().is_none());
}

#[test]
fn nothing_can_be_written() {
    let mut database = database("CREATE TABLE t (a)");
    let error = database
        .each("INSERT INTO t VALUES (1) RETURNING a", &mut |_| Ok(()))
        .unwrap_err();
    assert!(error.to_string().contains("read"), "{error}");
}

#[test]
fn tables_and_columns_are_found() {
    let mut database = database("CREATE TABLE users (name TEXT)");
    assert!(database.has_table("users").unwrap());
    assert!(!database.has_table("user").unwrap());
    assert!(database.has_column("users", "name").unwrap());
    assert!(!database.has_column("users", "suspended").unwrap());
    assert!(!database.has_column("nothing", "name").unwrap());
}

#[test]
fn a_file_that_cant_be_used_is_refused_with_a_reason() {
    let dir = tempfile::tempdir().unwrap();
    let garbage = dir.path().join("garbage");
    fs::write(&garbage, "not a database, but long enough to be looked at").unwrap();
    let locked = dir.path().join("locked");
    let writer = Connection::open(&locked).unwrap();
    writer
        .execute_batch("CREATE TABLE t (a); PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE")
        .unwrap();
    let lines = [
        refusal(&dir.path().join("nothing")),
        refusal(dir.path()),
        refusal(&garbage),
        refusal(&locked),
    ];
    insta::assert_snapshot!(lines.join("\n"), @r"
    Synapse's database (FILE): there is no such file: name the file of Synapse's SQLite database (if Synapse runs in a container, as it is called outside of it)
    Synapse's database (FILE): it is not a file: name Synapse's database file
    Synapse's database (FILE): it is no SQLite database: name Synapse's database file
    Synapse's database (FILE): another program has locked it: wait until that is done (a VACUUM, a backup), then try again
    ");
}

#[test]
fn a_wrong_query_names_its_fault() {
    let mut database = database("");
    let error = database
        .each("SELECT a FROM absent", &mut |_| Ok(()))
        .unwrap_err()
        .to_string();
    assert!(error.contains("no such table: absent"), "{error}");
}

proptest! {
    #[test]
    fn a_quoted_text_comes_back(text in "\\PC*|[\\x00-\\x7f]*") {
        let mut database = database("");
        let mut back = None;
        database.each(&format!("SELECT {}", quote(&text)), &mut |row| {
            back = row.text(0).map(str::to_owned);
            Ok(())
        }).unwrap();
        prop_assert_eq!(back.unwrap(), text.replace('\0', ""));
    }
}
