//! A newer export of the same server goes on where the import of an older one ended.

use std::fmt::Display;

use rusqlite::params;

use super::{Ledger, Step};
use crate::Result;

/// Where a room was joined: rooms that are joined can't be joined at another place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The room.
    pub room: String,
    /// Who has joined it through the resident.
    pub joiner: String,
    /// Where in its history, as JSON.
    pub point: String,
}

/// What is not taken over of an older import.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Differs {
    /// Steps that are to be taken again.
    pub again: Vec<(Step, String)>,
    /// Steps that are done but for what the text says.
    pub but_for: Vec<(Step, String, String)>,
    /// Rooms of which so many events of the newer timeline are through.
    pub through: Vec<(String, u64)>,
}

/// All that is known of one bundle's import: tables, and their columns but for the bundle.
const TABLES: [(&str, &str); 12] = [
    ("step", "step, subject, outcome, detail, position"),
    ("problem", "step, subject, reason"),
    ("choice", "history"),
    ("stage_choice", "left_out"),
    ("media_choice", "which, max_mib"),
    ("place", "room, joiner, point"),
    ("made", "room, id"),
    ("mode_choice", "mode"),
    ("via_choice", "via"),
    ("messages_choice", "wanted"),
    ("looked_through", "room"),
    ("resent", "room, event, id"),
];

impl Ledger {
    /// Forgets another bundle's import, of which everything was taken over.
    pub fn discard(&self, other: &str) -> Result<()> {
        self.with(|database| {
            let all = database.unchecked_transaction()?;
            for (table, _) in TABLES {
                let sql = format!("delete from {table} where bundle = ?1 and bundle != ?2");
                all.execute(&sql, params![other, self.bundle])?;
            }
            all.commit()
        })
    }

    /// Commits where a room is joined.
    pub fn place(&self, place: &Place) -> Result<()> {
        self.with(|database| {
            database.execute(
                "insert into place values (?1, ?2, ?3, ?4)
                 on conflict do update set joiner = excluded.joiner, point = excluded.point",
                params![self.bundle, place.room, place.joiner, place.point],
            )
        })?;
        Ok(())
    }

    /// Where rooms were joined, sorted by room.
    pub fn places(&self) -> Result<Vec<Place>> {
        self.with(|database| {
            database
                .prepare("select room, joiner, point from place where bundle = ?1 order by room")?
                .query_map(params![self.bundle], |row| {
                    Ok(Place {
                        room: row.get(0)?,
                        joiner: row.get(1)?,
                        point: row.get(2)?,
                    })
                })?
                .collect()
        })
    }

    /// The subjects of a step with a certain text, sorted.
    pub fn with_detail(&self, step: Step, detail: &str) -> Result<Vec<String>> {
        self.with(|database| {
            database
                .prepare(
                    "select subject from step where bundle = ?1 and step = ?2 and detail = ?3 order by subject",
                )?
                .query_map(params![self.bundle, step.name(), detail], |row| row.get(0))?
                .collect()
        })
    }

    /// Takes over all that is known of another bundle's import, but for what differs: at once, or not at all.
    pub fn inherit(&self, from: &(impl Display + ?Sized), differs: &Differs) -> Result<()> {
        let from = from.to_string();
        self.with(|database| {
            let all = database.unchecked_transaction()?;
            for (table, columns) in TABLES {
                all.execute(
                    &format!(
                        "insert or replace into {table} (bundle, {columns}) select ?1, {columns} from {table} where bundle = ?2"
                    ),
                    params![self.bundle, from],
                )?;
            }
            {
                let mut forget =
                    all.prepare("delete from step where bundle = ?1 and step = ?2 and subject = ?3")?;
                for (step, subject) in &differs.again {
                    forget.execute(params![self.bundle, step.name(), subject])?;
                }
                let mut but_for = all.prepare(
                    "update step set outcome = 'failed', detail = ?4
                     where bundle = ?1 and step = ?2 and subject = ?3",
                )?;
                for (step, subject, detail) in &differs.but_for {
                    but_for.execute(params![self.bundle, step.name(), subject, detail])?;
                }
                let mut through = all.prepare(
                    "update step set position = ?3 where bundle = ?1 and step = 'replay' and subject = ?2",
                )?;
                for (room, position) in &differs.through {
                    through.execute(params![self.bundle, room, position])?;
                }
            }
            all.commit()
        })
    }
}
