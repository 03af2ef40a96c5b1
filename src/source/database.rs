//! Synapse's own database, read in one transaction: SQLite or PostgreSQL behind one small interface.
//!
//! Everything that is read belongs to one moment, also while Synapse runs: SQLite in write-ahead mode and PostgreSQL's
//! `REPEATABLE READ` both give a snapshot. All calls block: use it on a thread of its own
//! ([`tokio::task::spawn_blocking`]), never on one that runs async tasks.

mod about;
mod account_data;
mod batch;
mod cross_signing;
mod device_keys;
mod devices;
mod key_backups;
mod media;
pub mod news;
mod pending;
mod postgres;
mod push_rules;
mod pushers;
mod read_ahead;
mod reader;
mod receipts;
pub mod rooms;
mod row;
pub mod schema_version;
mod server_keys;
mod size;
mod sqlite;
mod users;

#[cfg(test)]
mod tests;

pub use reader::DatabaseReader;
pub use row::{Column, Row};

use crate::{Error, Result, config::DatabaseAddress};

/// An open database with a read transaction that lasts as long as this value.
pub struct Database {
    engine: Engine,
    place: String,
}

enum Engine {
    Sqlite(sqlite::Sqlite),
    Postgres(Box<postgres::Postgres>),
}

impl Database {
    /// Connects, read-only, and takes the snapshot.
    pub fn open(address: &DatabaseAddress) -> Result<Self> {
        let place = address.place();
        let engine = match address {
            DatabaseAddress::Sqlite(path) => sqlite::Sqlite::open(path).map(Engine::Sqlite),
            DatabaseAddress::Postgres(text) => postgres::Postgres::open(text, None)
                .map(|postgres| Engine::Postgres(Box::new(postgres))),
        };
        match engine {
            Ok(engine) => Ok(Self { engine, place }),
            Err(reason) => Err(Error::Database { place, reason }),
        }
    }

    /// A second connection that sees the same snapshot, so that two tables can be read side by side.
    ///
    /// Only PostgreSQL can do this; `None` for SQLite.
    pub fn second(&mut self) -> Result<Option<Self>> {
        let second = match &mut self.engine {
            Engine::Sqlite(_) => return Ok(None),
            Engine::Postgres(first) => first.second(),
        };
        match second {
            Ok(second) => Ok(Some(Self {
                engine: Engine::Postgres(Box::new(second)),
                place: self.place.clone(),
            })),
            Err(reason) => Err(self.failed(reason)),
        }
    }

    /// Which database this is, without its password: for messages.
    #[must_use]
    pub fn place(&self) -> &str {
        &self.place
    }

    /// Hands every row of a query to `take`, one at a time, and tells how many there were.
    ///
    /// The text must mean the same in both engines; values go into it by [`quote`], texts are sorted by
    /// [`Self::bytewise`]. An error of `take` ends the reading and is returned as it is.
    pub fn each(&mut self, sql: &str, take: &mut dyn FnMut(&Row<'_>) -> Result<()>) -> Result<u64> {
        let read = match &mut self.engine {
            Engine::Sqlite(sqlite) => sqlite.each(sql, take),
            Engine::Postgres(postgres) => postgres.each(sql, take),
        };
        read.map_err(|failure| match failure {
            Failure::Reading(reason) => self.failed(reason),
            Failure::Taking(error) => error,
        })
    }

    /// Whether a table has a column: for those that not every known schema version has.
    pub fn has_column(&mut self, table: &str, column: &str) -> Result<bool> {
        let (table, column) = (quote(table), quote(column));
        let sql = match &self.engine {
            Engine::Sqlite(_) => {
                format!("SELECT 1 FROM pragma_table_info({table}) WHERE name = {column}")
            }
            Engine::Postgres(_) => format!(
                "SELECT 1 FROM information_schema.columns WHERE table_schema = ANY (current_schemas(false)) \
                 AND table_name = {table} AND column_name = {column}"
            ),
        };
        Ok(self.each(&sql, &mut |_| Ok(()))? > 0)
    }

    /// Whether there is a table of this name.
    pub fn has_table(&mut self, table: &str) -> Result<bool> {
        let table = quote(table);
        let sql = match &self.engine {
            Engine::Sqlite(_) => {
                format!("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = {table}")
            }
            Engine::Postgres(_) => format!(
                "SELECT 1 FROM information_schema.tables WHERE table_schema = ANY (current_schemas(false)) \
                 AND table_name = {table}"
            ),
        };
        Ok(self.each(&sql, &mut |_| Ok(()))? > 0)
    }

    /// A column of text for `ORDER BY`, so that both engines sort it by its bytes, as Rust sorts texts.
    #[must_use]
    pub fn bytewise(&self, column: &str) -> String {
        match &self.engine {
            Engine::Postgres(postgres) if !postgres.sorts_by_bytes() => {
                format!("{column} COLLATE \"C\"")
            }
            // SQLite compares bytes unless a column says otherwise, and none of Synapse's does.
            _ => column.to_owned(),
        }
    }

    fn failed(&self, reason: String) -> Error {
        Error::Database {
            place: self.place.clone(),
            reason,
        }
    }
}

/// How the reading of a query ended early.
enum Failure {
    /// The database's fault.
    Reading(String),
    /// The taker's fault.
    Taking(Error),
}

/// A text as an SQL literal, the same in both engines.
///
/// NUL characters are left out: neither engine can have one in a text that Synapse wrote.
#[must_use]
pub fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('\'');
    for c in text.chars().filter(|c| *c != '\0') {
        if c == '\'' {
            quoted.push('\'');
        }
        quoted.push(c);
    }
    quoted.push('\'');
    quoted
}
