//! What could not be done: a few in the room, all in the file.

use std::{collections::BTreeSet, fmt::Write};

use super::{
    technical::{self, one_line},
    text::{code, count, escape, first, len, number_of, sentence},
    why,
};
use crate::job::Problem;

mod fresh;
mod groups;

pub use fresh::Fresh;

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
    if problems.len() <= limit {
        let lines = problems.iter().map(|problem| {
            format!(
                "{} {}: {}: {}",
                code(&problem.reference()),
                escape(&problem.step),
                code(&problem.subject),
                if limit == usize::MAX {
                    sentence(&problem.reason)
                } else {
                    one_line(&problem.reason)
                }
            )
        });
        text.push_str(&first(lines, limit));
        return text;
    }
    let groups = groups::of(problems);
    let lines = groups.iter().map(|group| {
        let example = format!(
            "{}: {}",
            code(&group.first.reference()),
            code(&group.first.subject)
        );
        let of = format!("{}: {}", escape(&group.first.step), one_line(&group.cause));
        match group.count {
            1 => format!("{of} ({example})"),
            count => format!("**{} ×** {of} (the first: {example})", number_of(count)),
        }
    });
    text.push_str(&first(lines, limit));
    text.push_str(
        "\nThe report has each of them. `why` and the sign before it says more of one.\n",
    );
    text
}

/// The same for one room or user: what each kind of failure means and what helps, and what machines said folded away.
#[must_use]
pub fn explained(problems: &[Problem]) -> String {
    let mut text = list(problems, FEW);
    if problems.is_empty() {
        return text;
    }
    text.push_str("\n**What it means**\n\n");
    let steps: BTreeSet<_> = problems.iter().map(|problem| &problem.step).collect();
    for step in steps {
        let (means, remedy) = why::explained(step);
        let _infallible = writeln!(text, "- {}: {means} {remedy}", escape(step));
    }
    let cut: Vec<_> = problems
        .iter()
        .filter(|problem| !technical::reason(&problem.reason).1.is_empty())
        .take(FEW)
        .map(|problem| format!("{} {}", problem.reference(), problem.reason))
        .collect();
    if !cut.is_empty() {
        text.push_str(&technical::folded(&cut.join("\n")));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(count: usize) -> Vec<Problem> {
        (0..count)
            .map(|number| Problem {
                step: "room".to_owned(),
                subject: format!("!r{number}:ferry.test"),
                reason: if number == 7 {
                    "nobody can join: see the plan".to_owned()
                } else {
                    format!("the target refuses !r{number}:ferry.test: look at its log")
                },
            })
            .collect()
    }

    #[test]
    fn those_of_one_room_are_explained() {
        assert_eq!(explained(&[]), "");
        let mut two = problems(1);
        two.push(Problem {
            step: "event".to_owned(),
            subject: "$e".to_owned(),
            reason: format!("the target answered 500 to PUT /_matrix/client/v3/rooms/%21a%3Ax/send: M_UNKNOWN {}", "it is full, ".repeat(9)),
        });
        insta::assert_snapshot!(explained(&two), @r"
        **2 things could not be done**

        - `c474852e` room: `!r0:ferry.test`: the target refuses \!r0:ferry.test: look at its log
        - `559ed199` event: `$e`: the target answered 500 to PUT /\_matrix/client/v3/rooms/%21a%3Ax/send: M\_UNKNOWN it is full, it is full, it is full, it …

        **What it means**

        - event: This one event is missing on the new server; what came after it is there. `retry` tries it again. A server refuses an event for good where its own rules forbid it.
        - room: The room is missing on the new server, or something in it differs from Synapse. `retry` with its ID carries it again and mends what it can; `room` with its ID says how far it is.

        ```folded Technical details
        559ed199 the target answered 500 to PUT /_matrix/client/v3/rooms/%21a%3Ax/send: M_UNKNOWN it is full, it is full, it is full, it is full, it is full, it is full, it is full, it is full, it is full, 
        ```
        ");
    }

    #[test]
    fn few_are_listed_and_many_are_counted() {
        assert_eq!(list(&[], FEW), "");
        insta::assert_snapshot!(list(&problems(2), FEW).trim_start(), @r"
        **2 things could not be done**

        - `c474852e` room: `!r0:ferry.test`: the target refuses \!r0:ferry.test: look at its log
        - `650418ab` room: `!r1:ferry.test`: the target refuses \!r1:ferry.test: look at its log
        ");
        let many = problems(10_000);
        insta::assert_snapshot!(list(&many, FEW).trim_start(), @r"
        **10,000 things could not be done**

        - **9,999 ×** room: the target refuses … look at its log (the first: `c474852e`: `!r0:ferry.test`)
        - room: nobody can join: see the plan (`5b52073b`: `!r7:ferry.test`)

        The report has each of them. `why` and the sign before it says more of one.
        ");
        assert!(list(&many, usize::MAX).lines().count() > 10_000);
    }
}
