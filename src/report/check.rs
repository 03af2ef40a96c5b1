//! `check` and `ack`: errors first, then warnings with their codes, then what is good in a line, and what was accepted.

mod sentence;

use std::fmt::Write;

use serde::Serialize;

use self::sentence::words;
use super::text::{code, count, escape, first, len, number_of, sentence, time};
use crate::migration::check::{Check, Round, Severity};

/// Subjects that a line names.
const FEW: usize = 5;

/// For the room and the terminal.
#[must_use]
pub fn markdown(round: &Round) -> String {
    let open = |severity| {
        let checks = round.0.iter();
        checks.filter(move |check| check.severity() == severity && !check.is_accepted())
    };
    let number = |severity| open(severity).count() as u64;
    let warnings = count(number(Severity::Warning), "warning", "warnings");
    let mut text = match (number(Severity::Error), number(Severity::Warning)) {
        (0, 0) => "**Nothing stands in the way.**".to_owned(),
        (0, _) => format!("**It can begin, with {warnings}.**"),
        (errors, 0) => format!("**{} to mend first.**", count(errors, "error", "errors")),
        (errors, _) => format!(
            "**{} to mend first, and {warnings}.**",
            count(errors, "error", "errors")
        ),
    };
    text.push_str("\n\n");
    for (severity, mark) in [(Severity::Error, "✗"), (Severity::Warning, "⚠")] {
        for check in open(severity) {
            let _infallible = writeln!(text, "- {mark} {}: {}", code(check.code()), whole(check));
        }
    }
    let good: Vec<_> = open(Severity::Good)
        .map(|check| sentence(&words(check)))
        .collect();
    if !good.is_empty() {
        let _infallible = writeln!(text, "- ✓ {}", good.join("; "));
    }
    let accepted: Vec<_> = round.0.iter().filter(|check| check.is_accepted()).collect();
    if !accepted.is_empty() {
        let accepted: Vec<_> = accepted.into_iter().map(folded).collect();
        let _infallible = writeln!(text, "- accepted: {}", accepted.join(", "));
    }
    if open(Severity::Warning).next().is_some() {
        let _infallible = write!(
            text,
            "\nA warning that is all right as it is can be accepted. Next: `ack CODE`.\n"
        );
    }
    text
}

/// For the file: the same, then all subjects of each check.
#[must_use]
pub fn full(round: &Round) -> String {
    let mut text = format!("# Check\n\n{}", markdown(round));
    for check in round.0.iter().filter(|check| !check.subjects.is_empty()) {
        let lines = first(check.subjects.iter().map(code), usize::MAX);
        let _infallible = write!(text, "\n## {}\n\n{lines}", check.code());
    }
    text
}

/// The sentence, whom it is about, and that an earlier acceptance doesn't cover it any more.
fn whole(check: &Check) -> String {
    let mut text = capitalised(&sentence(&words(check)));
    if !check.subjects.is_empty() {
        let _infallible = write!(text, " ({})", subjects(check));
    }
    if !text.ends_with(['.', '?']) {
        text.push('.');
    }
    if let Some(then) = &check.accepted {
        let _infallible = write!(
            text,
            " {} has accepted less, on {}.",
            capitalised(&escape(&then.by)),
            time(then.ts)
        );
    }
    text
}

fn subjects(check: &Check) -> String {
    let named: Vec<_> = check.subjects.iter().take(FEW).map(code).collect();
    let named = named.join(", ");
    match len(&check.subjects).saturating_sub(FEW as u64) {
        0 => named,
        more => format!("{named} and {} more", number_of(more)),
    }
}

/// A warning that was accepted, in a few words.
fn folded(check: &Check) -> String {
    let number = match len(&check.subjects) {
        0 => String::new(),
        number => format!(" ({})", number_of(number)),
    };
    let by = check.accepted.as_ref().map_or("", |accepted| &accepted.by);
    format!("{}{number} by {}", code(check.code()), escape(by))
}

fn capitalised(text: &str) -> String {
    let mut signs = text.chars();
    signs
        .next()
        .map(|first| first.to_uppercase().chain(signs).collect())
        .unwrap_or_default()
}

/// The answer to `ack`.
#[must_use]
pub fn accepted(name: &str) -> String {
    format!(
        "Accepted: {}. It is shown again if there is more of it.",
        code(name)
    )
}

#[derive(Serialize)]
struct Whole<'a> {
    worst: Severity,
    checks: Vec<One<'a>>,
}

#[derive(Serialize)]
struct One<'a> {
    code: &'a str,
    severity: Severity,
    text: String,
    /// Of subjects.
    count: usize,
    /// The first of them.
    subjects: Vec<&'a String>,
    accepted: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    accepted_by: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    accepted_ts: Option<u64>,
}

/// For `--json` and the report file: every check with its code, severity (`good`, `warning`, `error`), sentence, count
/// and first subjects; `worst` is the worst severity that is not accepted.
#[must_use]
pub fn data(round: &Round) -> impl Serialize + '_ {
    Whole {
        worst: round.worst(),
        checks: round
            .0
            .iter()
            .map(|check| One {
                code: check.code(),
                severity: check.severity(),
                text: words(check),
                count: check.subjects.len(),
                subjects: check.subjects.iter().take(FEW).collect(),
                accepted: check.is_accepted(),
                accepted_by: check.accepted.as_ref().map(|accepted| accepted.by.as_str()),
                accepted_ts: check.accepted.as_ref().map(|accepted| accepted.ts),
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests;
