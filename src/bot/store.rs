//! `<data_dir>/bot.sqlite`: what the homeserver has told and what became of it, kept across restarts.

use std::{
    fs,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use rusqlite::{Connection, OptionalExtension, Transaction, params};
use serde_json::Value;

use crate::{Error, Result, secret::private_dir};

mod outbox;
mod waiting;

pub use outbox::Answer;
pub use waiting::Waiting;

const SCHEMA: &str = "
create table if not exists transactions (id text primary key, at integer not null) strict;
create table if not exists events (id text primary key, at integer not null) strict;
create table if not exists queue (
    number integer primary key autoincrement, event text not null, received integer not null) strict;
create table if not exists orders (
    event_id text primary key, room text not null, below text not null, name text not null) strict;
create table if not exists outbox (
    event_id text not null, room text not null, below text not null, what text not null, markdown text not null,
    at integer not null, primary key (event_id, what)) strict;
create table if not exists refused (user text primary key, at integer not null) strict;
create table if not exists waiting (
    code text primary key, sender text not null, words text not null, digest blob not null, preview text not null,
    until integer not null) strict;
create table if not exists sealed (digest blob primary key, event_id text not null) strict;
create table if not exists facts (name text primary key, value text not null) strict;
";

/// A homeserver gives up resending long before.
const KEPT_MS: u64 = 30 * 24 * 3600 * 1000;

/// The database. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    path: Arc<PathBuf>,
    connection: Arc<Mutex<Connection>>,
}

/// An event that waits for its turn.
#[derive(Debug, Clone, PartialEq)]
pub struct Queued {
    /// Its place.
    pub number: i64,
    /// The event as the homeserver sent it.
    pub event: Value,
    /// When it came, in milliseconds since the Unix epoch.
    pub received_ms: u64,
}

/// A command that was running when the process ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    /// The event that ordered it.
    pub event_id: String,
    /// Where.
    pub room: String,
    /// The message that is answered: the order itself or, for a reaction, what it is about.
    pub below: String,
    /// Its name.
    pub name: String,
}

impl Store {
    /// Opens or makes the database of an installation.
    pub fn open(data_dir: &Path) -> Result<Self> {
        private_dir(data_dir).map_err(Error::file(data_dir))?;
        let path = data_dir.join("bot.sqlite");
        // Messages of the control room are in it: nobody else's business.
        fs::OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(&path)
            .map_err(Error::file(&path))?;
        let open = || {
            let connection = Connection::open(&path)?;
            connection.pragma_update(None, "journal_mode", "wal")?;
            connection.pragma_update(None, "synchronous", "full")?;
            connection.execute_batch(SCHEMA)?;
            Ok(connection)
        };
        match open() {
            Ok(connection) => Ok(Self {
                connection: Arc::new(Mutex::new(connection)),
                path: Arc::new(path),
            }),
            Err(source) => Err(Error::Ledger { path, source }),
        }
    }

    /// Keeps a transaction's events for the worker; `false` if the transaction was here before.
    ///
    /// An event that was here before, in whatever transaction, is not queued again.
    pub fn accept(&self, id: &str, events: &[(String, String)], now_ms: u64) -> Result<bool> {
        let now = stored(now_ms);
        self.transaction(|db| {
            let new = db.execute(
                "insert or ignore into transactions values (?1, ?2)",
                params![id, now],
            )?;
            if new == 0 {
                return Ok(false);
            }
            for (event_id, event) in events {
                let new = db.execute(
                    "insert or ignore into events values (?1, ?2)",
                    params![event_id, now],
                )?;
                if new == 1 {
                    db.execute(
                        "insert into queue (event, received) values (?1, ?2)",
                        params![event, now],
                    )?;
                }
            }
            Ok(true)
        })
    }

    /// The oldest event that waits.
    pub fn next(&self) -> Result<Option<Queued>> {
        self.after(i64::MIN)
    }

    /// The oldest event behind a place.
    pub fn after(&self, number: i64) -> Result<Option<Queued>> {
        self.run(|db| {
            db.query_row(
                "select number, event, received from queue where number > ?1 order by number limit 1",
                [number],
                |row| {
                    Ok(Queued {
                        number: row.get(0)?,
                        event: serde_json::from_str(&row.get::<_, String>(1)?).unwrap_or_default(),
                        received_ms: row.get::<_, i64>(2)?.unsigned_abs(),
                    })
                },
            )
            .optional()
        })
    }

    /// Nothing more is to be done about an event.
    pub fn done(&self, number: i64) -> Result<()> {
        self.run(|db| db.execute("delete from queue where number = ?1", [number]))
            .map(drop)
    }

    /// An event's command begins: from now on it is not run again, but reported as cut off if the process ends.
    pub fn begin(&self, number: i64, cut: &Cut) -> Result<()> {
        self.transaction(|db| {
            db.execute("delete from queue where number = ?1", [number])?;
            db.execute(
                "insert or replace into orders values (?1, ?2, ?3, ?4)",
                [&cut.event_id, &cut.room, &cut.below, &cut.name],
            )
        })
        .map(drop)
    }

    /// A command has been answered.
    pub fn end(&self, event_id: &str) -> Result<()> {
        self.run(|db| db.execute("delete from orders where event_id = ?1", [event_id]))
            .map(drop)
    }

    /// The commands that were running when the process ended.
    pub fn cut_off(&self) -> Result<Vec<Cut>> {
        self.run(|db| {
            db.prepare("select event_id, room, below, name from orders order by rowid")?
                .query_map([], |row| {
                    Ok(Cut {
                        event_id: row.get(0)?,
                        room: row.get(1)?,
                        below: row.get(2)?,
                        name: row.get(3)?,
                    })
                })?
                .collect()
        })
    }

    /// Whether this is to be said now, to a stranger for example: only the first time.
    pub fn refuse(&self, user: &str, now_ms: u64) -> Result<bool> {
        let now = stored(now_ms);
        self.run(|db| {
            db.execute(
                "insert or ignore into refused values (?1, ?2)",
                params![user, now],
            )
        })
        .map(|new| new == 1)
    }

    /// The next time is the first one again.
    pub fn forgive(&self, user: &str) -> Result<()> {
        self.run(|db| db.execute("delete from refused where user = ?1", [user]))
            .map(drop)
    }

    /// Whether what was encrypted came by this event at first: the same again, by another one, is nobody's order. It is
    /// never forgotten, for a server could send it again at any time.
    pub fn came_first(&self, digest: &[u8], event_id: &str) -> Result<bool> {
        self.transaction(|db| {
            db.execute(
                "insert or ignore into sealed values (?1, ?2)",
                params![digest, event_id],
            )?;
            let first = "select event_id = ?2 from sealed where digest = ?1";
            db.query_row(first, params![digest, event_id], |row| row.get(0))
        })
    }

    /// Something remembered.
    pub fn fact(&self, name: &str) -> Result<Option<String>> {
        self.run(|db| {
            db.query_row("select value from facts where name = ?1", [name], |row| {
                row.get(0)
            })
            .optional()
        })
    }

    /// Remembers something.
    pub fn set_fact(&self, name: &str, value: &str) -> Result<()> {
        self.run(|db| {
            db.execute(
                "insert or replace into facts values (?1, ?2)",
                [name, value],
            )
        })
        .map(drop)
    }

    /// Forgets transactions and events that nobody will send again.
    pub fn prune(&self, now_ms: u64) -> Result<()> {
        let before = stored(now_ms.saturating_sub(KEPT_MS));
        self.transaction(|db| {
            db.execute("delete from transactions where at < ?1", [before])?;
            db.execute("delete from events where at < ?1", [before])
        })
        .map(drop)
    }

    fn run<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T> {
        work(&self.lock()).map_err(|source| self.failed(source))
    }

    fn transaction<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T> {
        let mut connection = self.lock();
        let whole = || {
            let transaction = connection.transaction()?;
            let result = work(&transaction)?;
            transaction.commit()?;
            Ok(result)
        };
        whole().map_err(|source| self.failed(source))
    }

    /// A panic elsewhere leaves the database itself in order.
    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn failed(&self, source: rusqlite::Error) -> Error {
        Error::Ledger {
            path: self.path.as_ref().clone(),
            source,
        }
    }
}

/// `SQLite` has signed numbers only.
fn stored(ms: u64) -> i64 {
    i64::try_from(ms).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(id: &str) -> (String, String) {
        (id.to_owned(), format!("{{\"event_id\":\"{id}\"}}"))
    }

    #[test]
    fn each_transaction_and_each_event_counts_once_also_after_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        assert!(store.accept("1", &[event("$a"), event("$b")], 10).unwrap());
        assert!(!store.accept("1", &[event("$c")], 11).unwrap());
        drop(store);
        let store = Store::open(dir.path()).unwrap();
        assert!(!store.accept("1", &[event("$a")], 12).unwrap());
        assert!(store.accept("2", &[event("$a"), event("$d")], 13).unwrap());
        let mut seen = Vec::new();
        while let Some(queued) = store.next().unwrap() {
            seen.push((queued.event["event_id"].clone(), queued.received_ms));
            store.done(queued.number).unwrap();
        }
        assert_eq!(
            serde_json::to_string(&seen).unwrap(),
            r#"[["$a",10],["$b",10],["$d",13]]"#
        );
        assert!(store.accept("3", &[event("$a")], 14).unwrap());
        assert!(store.next().unwrap().is_none());
    }

    #[test]
    fn a_running_command_is_known_after_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        store.accept("1", &[event("$a")], 10).unwrap();
        let cut = Cut {
            event_id: "$a".into(),
            room: "!r".into(),
            below: "$a".into(),
            name: "import".into(),
        };
        store
            .begin(store.next().unwrap().unwrap().number, &cut)
            .unwrap();
        drop(store);
        let store = Store::open(dir.path()).unwrap();
        assert!(store.next().unwrap().is_none());
        assert_eq!(store.cut_off().unwrap(), [cut]);
        store.end("$a").unwrap();
        assert!(store.cut_off().unwrap().is_empty());
    }

    #[test]
    fn strangers_facts_and_pruning() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        assert!(store.refuse("@eva:x", 1).unwrap());
        assert!(!store.refuse("@eva:x", 2).unwrap());
        store.forgive("@eva:x").unwrap();
        assert!(store.refuse("@eva:x", 3).unwrap());
        assert_eq!(store.fact("room").unwrap(), None);
        store.set_fact("room", "!a").unwrap();
        store.set_fact("room", "!b").unwrap();
        assert_eq!(store.fact("room").unwrap().as_deref(), Some("!b"));
        store.accept("old", &[], 1).unwrap();
        store.prune(KEPT_MS + 2).unwrap();
        assert!(store.accept("old", &[], KEPT_MS + 2).unwrap());
    }
}
