//! What is said to whoever steers a job, and what was ordered before.

use std::fmt::Write;

use super::text::{code, count, duration, escape, len, time};
use crate::{Error, audit::Entry, job::Wish};

/// The answer to `pause`, `resume` and `cancel`; nothing runs without a job's name.
#[must_use]
pub fn wished(wish: Wish, job: Option<&str>) -> String {
    let Some(job) = job else {
        return "No job is running.".to_owned();
    };
    let job = code(job);
    match wish {
        Wish::Pause => format!(
            "The {job} waits after its current step. `resume` lets it go on, `cancel` ends it."
        ),
        Wish::Run => format!("The {job} goes on."),
        Wish::Stop => format!(
            "The {job} stops after its current step. What is done is kept; the same command again goes on from there."
        ),
    }
}

/// How an order ended, for the list: whether all is good, or what has failed.
#[must_use]
pub fn outcome(answer: std::result::Result<bool, &Error>) -> String {
    match answer {
        Ok(true) => "done".to_owned(),
        Ok(false) => "done, not all is good".to_owned(),
        Err(Error::Stopped) => "stopped".to_owned(),
        Err(error) => format!("failed: {error}"),
    }
}

/// The answer to `audit`.
#[must_use]
pub fn audit(entries: &[Entry]) -> String {
    if entries.is_empty() {
        return "Nothing has been ordered yet.".to_owned();
    }
    let mut text = format!(
        "**The last {}**\n\n",
        count(len(entries), "order", "orders")
    );
    for entry in entries {
        let outcome = match &entry.end {
            Some((outcome, after)) => format!("{} after {}", escape(outcome), duration(*after)),
            None => "it runs, or was cut off".to_owned(),
        };
        let _infallible = writeln!(
            text,
            "- {}, {}: {}: {outcome}",
            time(entry.ts),
            code(&entry.by),
            code(&entry.order)
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_wish_has_its_answer() {
        let wishes = [Wish::Pause, Wish::Run, Wish::Stop];
        let lines = wishes.map(|wish| wished(wish, Some("import")));
        insta::assert_snapshot!(lines.join("\n"), @r"
        The `import` waits after its current step. `resume` lets it go on, `cancel` ends it.
        The `import` goes on.
        The `import` stops after its current step. What is done is kept; the same command again goes on from there.
        ");
        insta::assert_snapshot!(wished(Wish::Stop, None), @"No job is running.");
    }

    #[test]
    fn orders_are_a_list() {
        insta::assert_snapshot!(audit(&[]), @"Nothing has been ordered yet.");
        let entry = |ts, order: &str, end: Option<(&str, u64)>| Entry {
            ts,
            by: "@anna:ferry.test".to_owned(),
            order: order.to_owned(),
            end: end.map(|(outcome, after)| (outcome.to_owned(), after)),
        };
        let entries = [
            entry(
                1_700_000_000_000,
                "import --admins | x",
                Some(("done", 61_000)),
            ),
            entry(1_700_000_100_000, "verify", None),
        ];
        insta::assert_snapshot!(audit(&entries), @r"
        **The last 2 orders**

        - 2023-11-14 22:13:20 UTC, `@anna:ferry.test`: `import --admins | x`: done after 1 min 1 s
        - 2023-11-14 22:15:00 UTC, `@anna:ferry.test`: `verify`: it runs, or was cut off
        ");
    }
}
