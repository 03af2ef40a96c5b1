//! Messages that were sent again into rooms that were made anew.

use std::fmt::Display;

use ruma::{EventId, OwnedEventId};
use rusqlite::{OptionalExtension, params};

use super::Ledger;
use crate::Result;

impl Ledger {
    /// Commits whether messages are sent again.
    pub fn choose_messages(&self, are_wanted: bool) -> Result<()> {
        self.with(|database| {
            database.execute(
                "insert or replace into messages_choice values (?1, ?2)",
                params![self.bundle, are_wanted],
            )
        })?;
        Ok(())
    }

    /// Whether messages are sent again, as the import was begun.
    pub fn wants_messages(&self) -> Result<bool> {
        let found: Option<bool> = self.with(|database| {
            database
                .query_row(
                    "select wanted from messages_choice where bundle = ?1",
                    params![self.bundle],
                    |row| row.get(0),
                )
                .optional()
        })?;
        Ok(found.unwrap_or_default())
    }

    /// Commits that a room was looked through for messages that nobody has noted.
    pub fn look_through(&self, room: &(impl Display + ?Sized)) -> Result<()> {
        self.with(|database| {
            database.execute(
                "insert or replace into looked_through values (?1, ?2)",
                params![self.bundle, room.to_string()],
            )
        })?;
        Ok(())
    }

    /// Whether it was: from then on every message of it was noted, but for the one that was just being sent.
    pub fn is_looked_through(&self, room: &(impl Display + ?Sized)) -> Result<bool> {
        self.with(|database| {
            database.query_row(
                "select exists (select 1 from looked_through where bundle = ?1 and room = ?2)",
                params![self.bundle, room.to_string()],
                |row| row.get(0),
            )
        })
    }

    /// Commits that an event was sent again, and its ID there.
    pub fn resend(
        &self,
        room: &(impl Display + ?Sized),
        old: &EventId,
        new: &EventId,
    ) -> Result<()> {
        self.with(|database| {
            database
                .prepare_cached("insert or replace into resent values (?1, ?2, ?3, ?4)")?
                .execute(params![
                    self.bundle,
                    room.to_string(),
                    old.as_str(),
                    new.as_str()
                ])
        })?;
        Ok(())
    }

    /// Forgets an event that was deleted there.
    pub fn unsend(&self, room: &(impl Display + ?Sized), old: &EventId) -> Result<()> {
        self.with(|database| {
            database.execute(
                "delete from resent where bundle = ?1 and room = ?2 and event = ?3",
                params![self.bundle, room.to_string(), old.as_str()],
            )
        })?;
        Ok(())
    }

    /// The ID there of an event that was sent again.
    pub fn resent(
        &self,
        room: &(impl Display + ?Sized),
        old: &str,
    ) -> Result<Option<OwnedEventId>> {
        let found: Option<String> = self.with(|database| {
            database
                .prepare_cached(
                    "select id from resent where bundle = ?1 and room = ?2 and event = ?3",
                )?
                .query_row(params![self.bundle, room.to_string(), old], |row| {
                    row.get(0)
                })
                .optional()
        })?;
        Ok(found.and_then(|id| id.try_into().ok()))
    }

    /// How many events were sent again: into a room, or in all.
    pub fn count_resent(&self, room: Option<&str>) -> Result<u64> {
        self.with(|database| {
            database.query_row(
                "select count(*) from resent where bundle = ?1 and (?2 is null or room = ?2)",
                params![self.bundle, room],
                |row| row.get(0),
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use ruma::event_id;

    use super::*;
    use crate::ledger::Differs;

    #[test]
    fn what_was_sent_again_is_kept_and_inherited() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ledger.sqlite");
        let ledger = Ledger::open(&path, "one").unwrap();
        assert!(!ledger.wants_messages().unwrap());
        ledger.choose_messages(true).unwrap();
        assert!(!ledger.is_looked_through("!a:x").unwrap());
        ledger.look_through("!a:x").unwrap();
        ledger
            .resend("!a:x", event_id!("$a"), event_id!("$new"))
            .unwrap();
        ledger
            .resend("!b:x", event_id!("$b"), event_id!("$other"))
            .unwrap();
        drop(ledger);
        let ledger = Ledger::open(&path, "two").unwrap();
        assert_eq!(ledger.resent("!a:x", "$a").unwrap(), None);
        ledger.inherit("one", &Differs::default()).unwrap();
        assert!(ledger.wants_messages().unwrap());
        assert!(ledger.is_looked_through("!a:x").unwrap());
        assert_eq!(ledger.resent("!a:x", "$a").unwrap().unwrap(), "$new");
        assert_eq!(ledger.resent("!b:x", "$a").unwrap(), None);
        assert_eq!(ledger.count_resent(None).unwrap(), 2);
        ledger.unsend("!a:x", event_id!("$a")).unwrap();
        assert_eq!(ledger.count_resent(Some("!a:x")).unwrap(), 0);
        assert_eq!(ledger.count_resent(Some("!b:x")).unwrap(), 1);
    }
}
