//! What is done again, and what was left out until now.

use std::fmt::Display;

use rusqlite::{OptionalExtension, params};

use super::{Ledger, Step};
use crate::{Result, model::stage::Stages};

/// In the place of how a step was done, once it is to be taken again.
const AGAIN: &str = "it is to be done again";

impl Ledger {
    /// Stages that no import has carried so far, by choice; nothing before the first one.
    pub fn left_out(&self) -> Result<Option<Stages>> {
        let text: Option<String> = self.with(|database| {
            database
                .query_row(
                    "select left_out from stage_choice where bundle = ?1",
                    params![self.bundle],
                    |row| row.get(0),
                )
                .optional()
        })?;
        Ok(text.and_then(|text| text.parse().ok()))
    }

    /// Takes back that a step is done, if it is.
    pub fn again(&self, step: Step, subject: &(impl Display + ?Sized)) -> Result<()> {
        self.with(|database| {
            database.execute(
                "update step set outcome = 'failed', detail = ?4
                 where bundle = ?1 and step = ?2 and subject = ?3 and outcome = 'done'",
                params![self.bundle, step.name(), subject.to_string(), AGAIN],
            )
        })?;
        Ok(())
    }

    /// Forgets a step.
    pub fn forget(&self, step: Step, subject: &(impl Display + ?Sized)) -> Result<()> {
        self.with(|database| {
            database.execute(
                "delete from step where bundle = ?1 and step = ?2 and subject = ?3",
                params![self.bundle, step.name(), subject.to_string()],
            )
        })?;
        Ok(())
    }

    /// Steps that were begun and are not done, each by its name and its subject.
    pub fn unsettled(&self) -> Result<Vec<(String, String)>> {
        self.with(|database| {
            database
                .prepare("select step, subject from step where bundle = ?1 and outcome != 'done' order by step, subject")?
                .query_map(params![self.bundle], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect()
        })
    }

    /// Whether anything was begun.
    pub fn is_empty(&self) -> Result<bool> {
        self.with(|database| {
            database.query_row(
                "select not exists (select 1 from step where bundle = ?1)",
                params![self.bundle],
                |row| row.get(0),
            )
        })
    }
}
