//! Rooms that were made anew: their new IDs, and whether others are to be.

use std::{collections::BTreeMap, fmt::Display};

use ruma::{OwnedRoomId, RoomId};
use rusqlite::{OptionalExtension, params};

use super::{Ledger, Step};
use crate::{Result, model::mode::Mode};

impl Ledger {
    /// Commits that a room was made anew, and its ID.
    pub fn make(&self, room: &(impl Display + ?Sized), id: &RoomId) -> Result<()> {
        let room = room.to_string();
        self.with(|database| {
            let both = database.unchecked_transaction()?;
            both.execute(
                "insert or replace into made values (?1, ?2, ?3)",
                params![self.bundle, room, id.as_str()],
            )?;
            both.execute(
                "insert or replace into step (bundle, step, subject, outcome, detail) values (?1, ?2, ?3, 'done', 'made')",
                params![self.bundle, Step::Make.name(), room],
            )?;
            both.commit()
        })
    }

    /// The new IDs of rooms that were made anew, by their old ones.
    pub fn made(&self) -> Result<BTreeMap<String, OwnedRoomId>> {
        let found: Vec<(String, String)> = self.with(|database| {
            database
                .prepare("select room, id from made where bundle = ?1")?
                .query_map(params![self.bundle], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect()
        })?;
        let read = |(room, id): (String, String)| Some((room, id.try_into().ok()?));
        Ok(found.into_iter().filter_map(read).collect())
    }

    /// Rooms of which the making was begun, made or not, by their old IDs.
    pub fn begun_to_make(&self) -> Result<Vec<String>> {
        self.with(|database| {
            database
                .prepare("select subject from step where bundle = ?1 and step = ?2")?
                .query_map(params![self.bundle, Step::Make.name()], |row| row.get(0))?
                .collect()
        })
    }

    /// Commits which rooms are made anew.
    pub fn choose_mode(&self, mode: Mode) -> Result<()> {
        self.with(|database| {
            database.execute(
                "insert or replace into mode_choice values (?1, ?2)",
                params![self.bundle, mode.to_string()],
            )
        })?;
        Ok(())
    }

    /// Which rooms are made anew, if an import has begun.
    pub fn mode(&self) -> Result<Option<Mode>> {
        let text: Option<String> = self.with(|database| {
            database
                .query_row(
                    "select mode from mode_choice where bundle = ?1",
                    params![self.bundle],
                    |row| row.get(0),
                )
                .optional()
        })?;
        Ok(text.and_then(|text| text.parse().ok()))
    }
}

#[cfg(test)]
mod tests {
    use ruma::room_id;

    use super::*;
    use crate::ledger::{Differs, Outcome};

    #[test]
    fn new_ids_are_kept_and_inherited() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ledger.sqlite");
        let ledger = Ledger::open(&path, "one").unwrap();
        assert_eq!(ledger.mode().unwrap(), None);
        ledger.choose_mode(Mode::Local).unwrap();
        ledger.record(Step::Make, "!b:x", &Outcome::Begun).unwrap();
        ledger.record(Step::Make, "!a:x", &Outcome::Begun).unwrap();
        ledger.make("!a:x", room_id!("!new:x")).unwrap();
        assert!(ledger.is_done(Step::Make, "!a:x").unwrap());
        drop(ledger);
        let ledger = Ledger::open(&path, "two").unwrap();
        ledger.inherit("one", &Differs::default()).unwrap();
        assert_eq!(ledger.mode().unwrap(), Some(Mode::Local));
        assert_eq!(ledger.begun_to_make().unwrap(), ["!a:x", "!b:x"]);
        let made = ledger.made().unwrap();
        assert_eq!(
            made.into_iter().collect::<Vec<_>>(),
            [("!a:x".to_owned(), room_id!("!new:x").to_owned())]
        );
    }
}
