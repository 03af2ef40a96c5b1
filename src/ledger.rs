//! The ledger: what happened to each user and room of a bundle, committed before the next attempt.
//!
//! A SQLite file in write-ahead mode: an entry that was committed is there after `kill -9`.

mod again;
mod inherit;
mod made;
mod resent;
mod vias;

use std::{
    fmt::Display,
    path::{Path, PathBuf},
    sync::Mutex,
};

use rusqlite::{Connection, OptionalExtension, params};
use serde::Serialize;

pub use inherit::{Differs, Place};

use crate::{
    Error, Result,
    job::Problem,
    model::{media_wish::MediaWish, replayed::Replayed, stage::Stages},
};

/// A step that is taken once for each subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// A user's account.
    Account,
    /// A user's rights as an admin.
    Admin,
    /// A user's e-mail addresses.
    Address,
    /// A user's display name and picture.
    Profile,
    /// A room: the one remote join.
    Join,
    /// A room: the first event imported, so that older ones are let in.
    Open,
    /// A room: events sent; the position is the number of timeline events that are through.
    Replay,
    /// A user's membership of a room that is joined through other servers: the user's ID and the room's.
    Enter,
    /// The same user's old account has left it.
    LeaveOld,
    /// A room that is made anew: it is there.
    Make,
    /// A room: members mended, read back and found right.
    Settle,
    /// An alias.
    Alias,
    /// A user's invite or knock at a room that nobody is carried into.
    Wait,
    /// A user's cross-signing keys.
    Identity,
    /// A user's signatures of others' identities.
    Signatures,
    /// A version of a user's key backup: the user's ID and its number on the source.
    Backup,
    /// A room's place in the room directory.
    Listing,
    /// A user's own data: profile fields, account data, push rules.
    UserData,
    /// What a user has read.
    Receipts,
    /// A local file.
    Media,
}

impl Step {
    /// All that are taken for users, in the order of the import.
    const ORDER: [Self; 12] = [
        Self::Account,
        Self::Admin,
        Self::Address,
        Self::Profile,
        Self::Enter,
        Self::Wait,
        Self::Identity,
        Self::Signatures,
        Self::Backup,
        Self::UserData,
        Self::Receipts,
        Self::LeaveOld,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Admin => "admin",
            Self::Address => "address",
            Self::Profile => "profile",
            Self::Join => "join",
            Self::Open => "open",
            Self::Replay => "replay",
            Self::Enter => "enter",
            Self::LeaveOld => "leave_old",
            Self::Make => "make",
            Self::Settle => "settle",
            Self::Alias => "alias",
            Self::Wait => "wait",
            Self::Identity => "identity",
            Self::Signatures => "signatures",
            Self::Backup => "backup",
            Self::Listing => "listing",
            Self::UserData => "user_data",
            Self::Receipts => "receipts",
            Self::Media => "media",
        }
    }
}

/// How a step went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// About to be tried: what comes of it is unknown after a crash.
    Begun,
    /// Done, with a word about how (`created`, `adopted`).
    Done(&'static str),
    /// Failed: why.
    Failed(String),
}

/// An entry read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// `begun`, `done`, `failed`.
    pub outcome: String,
    /// How it was done, or why it failed.
    pub detail: String,
    /// Events through, for [`Step::Replay`].
    pub position: u64,
}

impl Entry {
    /// Whether the step need not be taken again.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.outcome == "done"
    }
}

/// A step as it was taken for a subject.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Taken {
    /// Its name: `account`, `profile`, …
    pub step: String,
    /// What of the subject is meant, where a step is taken for several things: the version of a key backup, an address.
    pub part: String,
    /// `begun`, `done`, `failed`.
    pub outcome: String,
    /// How it was done, or why it failed.
    pub detail: String,
}

/// The ledger of one installation, opened for one bundle.
#[derive(Debug)]
pub struct Ledger {
    path: PathBuf,
    bundle: String,
    database: Mutex<Connection>,
}

impl Ledger {
    /// Opens or makes the file; `bundle` identifies the bundle whose entries are meant.
    pub fn open(path: &Path, bundle: &str) -> Result<Self> {
        let failed = |source| Error::Ledger {
            path: path.to_owned(),
            source,
        };
        let database = Connection::open(path).map_err(failed)?;
        database
            .execute_batch(
                "pragma journal_mode = wal;
                 pragma synchronous = normal;
                 pragma busy_timeout = 5000;
                 create table if not exists step (
                     bundle text not null, step text not null, subject text not null,
                     outcome text not null, detail text not null default '', position integer not null default 0,
                     primary key (bundle, step, subject)) without rowid;
                 create table if not exists problem (
                     bundle text not null, step text not null, subject text not null, reason text not null,
                     primary key (bundle, step, subject)) without rowid;
                 create table if not exists choice (
                     bundle text not null primary key, history text not null) without rowid;
                 create table if not exists stage_choice (
                     bundle text not null primary key, left_out text not null) without rowid;
                 create table if not exists place (
                     bundle text not null, room text not null, joiner text not null, point text not null,
                     primary key (bundle, room)) without rowid;
                 create table if not exists made (
                     bundle text not null, room text not null, id text not null,
                     primary key (bundle, room)) without rowid;
                 create table if not exists via_choice (
                     bundle text not null primary key, via text not null) without rowid;
                 create table if not exists mode_choice (
                     bundle text not null primary key, mode text not null) without rowid;
                 create table if not exists messages_choice (
                     bundle text not null primary key, wanted integer not null) without rowid;
                 create table if not exists looked_through (
                     bundle text not null, room text not null, primary key (bundle, room)) without rowid;
                 create table if not exists resent (
                     bundle text not null, room text not null, event text not null, id text not null,
                     primary key (bundle, room, event)) without rowid;
                 create table if not exists media_choice (
                     bundle text not null primary key, which text not null, max_mib integer) without rowid;",
            )
            .map_err(failed)?;
        Ok(Self {
            path: path.to_owned(),
            bundle: bundle.to_owned(),
            database: Mutex::new(database),
        })
    }

    /// How much of each room's history is replayed, if an import has begun.
    pub fn history(&self) -> Result<Option<Replayed>> {
        let text: Option<String> = self.with(|database| {
            database
                .query_row(
                    "select history from choice where bundle = ?1",
                    params![self.bundle],
                    |row| row.get(0),
                )
                .optional()
        })?;
        Ok(text.and_then(|text| text.parse().ok()))
    }

    /// Which media are carried, if an import has begun.
    pub fn media(&self) -> Result<Option<MediaWish>> {
        let found: Option<(String, Option<u32>)> = self.with(|database| {
            database
                .query_row(
                    "select which, max_mib from media_choice where bundle = ?1",
                    params![self.bundle],
                    |row| Ok((row.get(0)?, row.get(1)?)),
                )
                .optional()
        })?;
        Ok(found.and_then(|(which, max_mib)| {
            let which = which.parse().ok()?;
            Some(MediaWish { which, max_mib })
        }))
    }

    /// Commits what an import is begun with, all at once: the places of the joins depend on how much of the history is
    /// replayed, and `verify` looks for these media, and for nothing of the stages that no import has carried so far.
    pub fn choose(&self, history: Replayed, media: MediaWish, left_out: Stages) -> Result<()> {
        self.with(|database| {
            let choice = database.unchecked_transaction()?;
            choice.execute(
                "insert into choice values (?1, ?2) on conflict do update set history = excluded.history",
                params![self.bundle, history.to_string()],
            )?;
            choice.execute(
                "insert into media_choice values (?1, ?2, ?3)
                 on conflict do update set which = excluded.which, max_mib = excluded.max_mib",
                params![self.bundle, media.which.to_string(), media.max_mib],
            )?;
            choice.execute(
                "insert into stage_choice values (?1, ?2) on conflict do update set left_out = excluded.left_out",
                params![self.bundle, left_out.to_string()],
            )?;
            choice.commit()
        })
    }

    /// Commits how a step went.
    pub fn record(
        &self,
        step: Step,
        subject: &(impl Display + ?Sized),
        outcome: &Outcome,
    ) -> Result<()> {
        let (word, detail) = match outcome {
            Outcome::Begun => ("begun", ""),
            Outcome::Done(how) => ("done", *how),
            Outcome::Failed(why) => ("failed", why.as_str()),
        };
        self.with(|database| {
            database
                .prepare_cached(
                    "insert into step (bundle, step, subject, outcome, detail) values (?1, ?2, ?3, ?4, ?5)
                     on conflict do update set outcome = excluded.outcome, detail = excluded.detail",
                )?
                .execute(params![self.bundle, step.name(), subject.to_string(), word, detail])
        })?;
        Ok(())
    }

    /// Commits how many of a room's events are through.
    pub fn advance(&self, room: &(impl Display + ?Sized), position: u64) -> Result<()> {
        self.with(|database| {
            database
                .prepare_cached(
                    "insert into step (bundle, step, subject, outcome, position) values (?1, 'replay', ?2, 'begun', ?3)
                     on conflict do update set position = excluded.position",
                )?
                .execute(params![self.bundle, room.to_string(), position])
        })?;
        Ok(())
    }

    /// What is known of a step.
    pub fn entry(&self, step: Step, subject: &(impl Display + ?Sized)) -> Result<Option<Entry>> {
        self.with(|database| {
            database
                .prepare_cached(
                    "select outcome, detail, position from step where bundle = ?1 and step = ?2 and subject = ?3",
                )?
                .query_row(params![self.bundle, step.name(), subject.to_string()], |row| {
                    Ok(Entry {
                        outcome: row.get(0)?,
                        detail: row.get(1)?,
                        position: row.get(2)?,
                    })
                })
                .optional()
        })
    }

    /// Every step that was taken for a subject, in the order of the import.
    pub fn taken_for(&self, subject: &(impl Display + ?Sized)) -> Result<Vec<Taken>> {
        let subject = subject.to_string();
        let mut taken: Vec<Taken> = self.with(|database| {
            database
                .prepare_cached(
                    "select step, trim(substr(subject, length(?2) + 1)), outcome, detail from step
                     where bundle = ?1 and (subject = ?2 or substr(subject, 1, length(?2) + 1) = ?2 || ' ')
                     order by subject",
                )?
                .query_map(params![self.bundle, subject], |row| {
                    Ok(Taken {
                        step: row.get(0)?,
                        part: row.get(1)?,
                        outcome: row.get(2)?,
                        detail: row.get(3)?,
                    })
                })?
                .collect()
        })?;
        let place = |taken: &Taken| {
            Step::ORDER
                .iter()
                .position(|step| step.name() == taken.step)
        };
        taken.sort_by_key(place);
        Ok(taken)
    }

    /// Whether a step is done.
    pub fn is_done(&self, step: Step, subject: &(impl Display + ?Sized)) -> Result<bool> {
        Ok(self
            .entry(step, subject)?
            .is_some_and(|entry| entry.is_done()))
    }

    /// How many subjects are through a step, by detail if one is given.
    pub fn count_done(&self, step: Step, detail: Option<&str>) -> Result<u64> {
        self.with(|database| {
            database.query_row(
                "select count(*) from step where bundle = ?1 and step = ?2 and outcome = 'done'
                 and (?3 is null or detail = ?3)",
                params![self.bundle, step.name(), detail],
                |row| row.get(0),
            )
        })
    }

    /// Whether a step was begun for any subject.
    pub fn has_any(&self, step: Step) -> Result<bool> {
        self.with(|database| {
            database.query_row(
                "select exists (select 1 from step where bundle = ?1 and step = ?2)",
                params![self.bundle, step.name()],
                |row| row.get(0),
            )
        })
    }

    /// The subjects that are through a step in a certain way, sorted.
    pub fn done_as(&self, step: Step, detail: &str) -> Result<Vec<String>> {
        self.with(|database| {
            database
                .prepare(
                    "select subject from step where bundle = ?1 and step = ?2 and outcome = 'done' and detail = ?3
                     order by subject",
                )?
                .query_map(params![self.bundle, step.name(), detail], |row| row.get(0))?
                .collect()
        })
    }

    /// Events through in all rooms.
    pub fn events(&self) -> Result<u64> {
        self.with(|database| {
            database.query_row(
                "select coalesce(sum(position), 0) from step where bundle = ?1 and step = 'replay'",
                params![self.bundle],
                |row| row.get(0),
            )
        })
    }

    /// Notes what could not be done; the same thing twice is one problem.
    pub fn problem(&self, problem: &Problem) -> Result<()> {
        self.with(|database| {
            database.execute(
                "insert into problem values (?1, ?2, ?3, ?4) on conflict do update set reason = excluded.reason",
                params![self.bundle, problem.step, problem.subject, problem.reason],
            )
        })?;
        Ok(())
    }

    /// Forgets a problem that was overcome.
    pub fn solved(&self, step: &str, subject: &(impl Display + ?Sized)) -> Result<()> {
        self.with(|database| {
            database.execute(
                "delete from problem where bundle = ?1 and step = ?2 and subject = ?3",
                params![self.bundle, step, subject.to_string()],
            )
        })?;
        Ok(())
    }

    /// Forgets the problems of a step whose subject begins with a text.
    pub fn solved_all(&self, step: &str, beginning: &str) -> Result<()> {
        self.with(|database| {
            database.execute(
                "delete from problem where bundle = ?1 and step = ?2 and substr(subject, 1, length(?3)) = ?3",
                params![self.bundle, step, beginning],
            )
        })?;
        Ok(())
    }

    /// All problems of this bundle, sorted by step and subject.
    pub fn problems(&self) -> Result<Vec<Problem>> {
        self.with(|database| {
            database
                .prepare("select step, subject, reason from problem where bundle = ?1 order by step, subject")?
                .query_map(params![self.bundle], |row| {
                    Ok(Problem {
                        step: row.get(0)?,
                        subject: row.get(1)?,
                        reason: row.get(2)?,
                    })
                })?
                .collect()
        })
    }

    fn with<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T> {
        // A poisoned lock means that another task panicked between two statements; each statement is atomic.
        let database = self
            .database
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        work(&database).map_err(|source| Error::Ledger {
            path: self.path.clone(),
            source,
        })
    }
}

#[cfg(test)]
mod tests;
