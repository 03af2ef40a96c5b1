//! What could not be done: a few in the room, all in the file.

use std::fmt::Write;

use super::text::{code, count, escape, first, len, sentence};
use crate::job::Problem;

/// Entries that a room message lists.
pub(super) const FEW: usize = 8;

/// The list with its headline; nothing if all went well.
#[must_use]
pub fn list(problems: &[Problem], limit: usize) -> String {
    if problems.is_empty() {
        return String::new();
    }
    let mut text = format!(
        "\n**{}**\n\n",
        count(
            len(problems),
            "thing could not be done",
            "things could not be done"
        )
    );
    let lines = problems.iter().map(|problem| {
        format!(
            "{}: {}: {}",
            escape(&problem.step),
            code(&problem.subject),
            sentence(&problem.reason)
        )
    });
    let _infallible = write!(text, "{}", first(lines, limit));
    text
}
