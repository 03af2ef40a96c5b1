//! Some users at a time, so that each table is asked once for all of them and memory stays bounded.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::{Database, Row, quote};
use crate::{Result, bundle::UserRecord, job::Problem, source::intake::problem};

/// Users that are read together, by ID.
#[derive(Default)]
pub(super) struct Batch {
    users: BTreeMap<String, UserRecord>,
    problems: Vec<Problem>,
}

impl Batch {
    pub(super) fn add(&mut self, user: UserRecord) {
        self.users.insert(user.user.user_id.to_string(), user);
    }

    pub(super) fn problem(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    /// `('@a:x', '@b:x')`, for `IN`. Not empty, so that an empty batch selects nothing.
    pub(super) fn list(&self) -> String {
        let mut names: Vec<String> = self.users.keys().map(|name| quote(name)).collect();
        if names.is_empty() {
            names.push(quote(""));
        }
        format!("({})", names.join(", "))
    }

    /// Asks a table and hands each row to the user in its first column.
    ///
    /// A clause that `take` gives back becomes a problem of the step, with that user.
    pub(super) fn each(
        &mut self,
        database: &mut Database,
        step: &str,
        sql: &str,
        mut take: impl FnMut(&mut UserRecord, &Row<'_>) -> Result<(), String>,
    ) -> Result<()> {
        database.each(sql, &mut |row| {
            if let Some((name, user)) = row
                .text(0)
                .and_then(|name| Some((name, self.users.get_mut(name)?)))
                && let Err(reason) = take(user, row)
            {
                self.problems.push(problem(step, name, &reason));
            }
            Ok(())
        })?;
        Ok(())
    }

    /// Every user once more, when all tables were read. Clauses become problems of the step.
    pub(super) fn settle(
        &mut self,
        step: &str,
        mut settle: impl FnMut(&mut UserRecord) -> Vec<String>,
    ) {
        for (name, user) in &mut self.users {
            for reason in settle(user) {
                self.problems.push(problem(step, name, &reason));
            }
        }
    }

    /// The users in the order of their IDs, and what could not be read of them.
    pub(super) fn finish(self) -> (impl Iterator<Item = UserRecord>, Vec<Problem>) {
        (self.users.into_values(), self.problems)
    }
}

/// A column that must be there, as a text.
pub(super) fn text<'a>(row: &Row<'a>, index: usize, name: &str) -> Result<&'a str, String> {
    row.text(index)
        .ok_or_else(|| format!("its {name} is missing or not readable"))
}

/// A column that must be there, as JSON whose bytes are kept.
pub(super) fn json(row: &Row<'_>, index: usize, name: &str) -> Result<Box<RawValue>, String> {
    RawValue::from_string(text(row, index, name)?.to_owned())
        .map_err(|error| format!("its {name} is no JSON ({error})"))
}
