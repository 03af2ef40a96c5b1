//! What `bot-keys` says.

mod preview;
mod safekeeping;
mod steps;

use std::fmt::Write;

use serde_json::{Value, json};

use super::text::{code, count, len, number_of, sentence};
use crate::operation::bot_keys::{Done, Outcome};

pub use preview::preview;

/// Lines of a list that the room sees; the report has them all.
const FEW: usize = 10;

/// For the room and the terminal.
#[must_use]
pub fn short(outcomes: &[Outcome]) -> String {
    render(outcomes, FEW, true)
}

/// For the report.
#[must_use]
pub fn full(outcomes: &[Outcome]) -> String {
    // A file is not the terminal: whoever asked to see a key finds none there.
    format!("# Bots' keys\n\n{}", render(outcomes, usize::MAX, false))
}

fn render(outcomes: &[Outcome], lines: usize, keys: bool) -> String {
    if let [outcome] = outcomes {
        return of_one(outcome, lines, keys);
    }
    let good = outcomes.iter().filter(|outcome| outcome.is_good()).count();
    let mut text = format!(
        "**{} of {} are done, and nothing is missing of them.**\n",
        number_of(good as u64),
        count(len(outcomes), "bot", "bots")
    );
    // What asks for something comes first.
    let (sound, rest): (Vec<_>, Vec<_>) = outcomes.iter().partition(|outcome| outcome.is_good());
    for outcome in rest.into_iter().chain(sound) {
        if let Some(user) = &outcome.user {
            let _infallible = write!(text, "\n### {}\n", code(user));
        }
        let _infallible = write!(text, "\n{}", of_one(outcome, lines, keys));
    }
    text
}

fn of_one(outcome: &Outcome, lines: usize, keys: bool) -> String {
    match &outcome.result {
        Ok(done) => steps::done(done, lines, keys),
        Err(error) => format!("Not done: {}\n", sentence(&error.to_string())),
    }
}

/// For machines: one entry for each bot.
#[must_use]
pub fn data(outcomes: &[Outcome]) -> Value {
    outcomes.iter().map(of_bot).collect()
}

fn of_bot(outcome: &Outcome) -> Value {
    let done = match &outcome.result {
        Ok(done) => done,
        Err(error) => {
            return json!({
                "user": outcome.user,
                "good": false,
                "error": error.to_string(),
                "exit": error.exit_code(),
            });
        }
    };
    let mut data = match done {
        Done::Kept(kept) => json!({"folder": kept.folder, "metadata": kept.metadata}),
        Done::Restored { restored, .. } => json!({
            "files": restored.files, "bytes": restored.bytes, "moved": restored.moved,
        }),
        Done::Extracted { found, files, .. } => json!({"found": found, "files": files}),
        Done::Enabled { user, enabled, .. } => json!({"user": user, "enabled": enabled}),
        Done::Uploaded {
            user,
            found,
            uploaded,
        } => json!({"user": user, "found": found, "uploaded": uploaded}),
        Done::Verified {
            user,
            found,
            verified,
        } => json!({"user": user, "found": found, "verified": verified}),
        Done::Deleted { user, device } => {
            json!({"user": user, "deleted_device": device.device_id})
        }
        Done::All { all, .. } => json!(all),
    };
    data["good"] = done.is_good().into();
    if data["user"].is_null() {
        data["user"] = json!(outcome.user);
    }
    data
}

#[cfg(test)]
mod tests;
