//! One failure, explained.

use super::{
    technical,
    text::{code, escape},
};
use crate::job::Problem;

/// For the room and the terminal.
#[must_use]
pub fn markdown(problem: &Problem) -> String {
    let (means, remedy) = explained(&problem.step);
    let (reason, chain) = technical::reason(&problem.reason);
    format!(
        "**{} {}: {}**\n\n{means} {remedy}\n\nWhy: {}.\n{chain}",
        code(&problem.reference()),
        escape(&problem.step),
        code(&problem.subject),
        reason.trim_end_matches('.'),
    )
}

/// What a failure of a step means for people, and what helps.
pub(super) fn explained(step: &str) -> (&'static str, &'static str) {
    const AGAIN: &str = "`retry` tries it again and leaves alone what is done.";
    match step {
        "account" => (
            "Nobody can log in to this account on the new server yet, and nothing of it is carried.",
            AGAIN,
        ),
        "admin rights" => ("They are an ordinary user on the new server.", AGAIN),
        "e-mail address" => (
            "They can't set a new password by e-mail there.",
            "Another account may have the address; an admin can bind it by hand.",
        ),
        "profile" => ("Their name or picture is missing.", AGAIN),
        "room" => (
            "The room is missing on the new server, or something in it differs from Synapse.",
            "`retry` with its ID carries it again and mends what it can; `room` with its ID says how far it is.",
        ),
        "event" => (
            "This one event is missing on the new server; what came after it is there.",
            "`retry` tries it again. A server refuses an event for good where its own rules forbid it.",
        ),
        "alias" => ("The room can't be found under this address.", AGAIN),
        "listing" => ("The room is not in the public directory.", AGAIN),
        "encryption identity" | "verified people" => (
            "Others may be told that this person is not verified.",
            "`import` tries it again; else they verify each other anew.",
        ),
        "key backup" => (
            "Their recovery key may not open all old encrypted messages.",
            "`retry` tries it again. Keep Synapse's bundle until it is mended.",
        ),
        "settings" | "receipts" => (
            "Something of their settings, or of what they have read, is not there.",
            AGAIN,
        ),
        "media" => (
            "This file can't be opened on the new server.",
            "`retry` fetches it again. If the bundle lacks it, copy it by hand from Synapse's media store.",
        ),
        "invite" | "knock" => (
            "They don't see this invite, or their knock, on the new server.",
            "Let them be invited again after the switch.",
        ),
        _ => (
            "It is not there on the new server, or not as it was.",
            AGAIN,
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_says_what_it_means() {
        let text = |step: &str, subject: &str, reason: &str| {
            markdown(&Problem {
                step: step.to_owned(),
                subject: subject.to_owned(),
                reason: reason.to_owned(),
            })
        };
        insta::assert_snapshot!(text("room", "!a:ferry.test", "nobody can join: see `plan`"), @r"
        **`66433e0b` room: `!a:ferry.test`**

        The room is missing on the new server, or something in it differs from Synapse. `retry` with its ID carries it again and mends what it can; `room` with its ID says how far it is.

        Why: nobody can join: see `plan`.
        ");
        insta::assert_snapshot!(text("key backup", "@anna:ferry.test 1", "the target answered 500."), @r"
        **`675404bd` key backup: `@anna:ferry.test 1`**

        Their recovery key may not open all old encrypted messages. `retry` tries it again. Keep Synapse's bundle until it is mended.

        Why: the target answered 500.
        ");
        let long = format!(
            "the target answered 500 to PUT /_matrix/client/v3/rooms/%21a%3Aferry.test/send: M_UNKNOWN {}",
            "database is locked, ".repeat(5)
        );
        insta::assert_snapshot!(text("event", "$e", &long), @r"
        **`559ed199` event: `$e`**

        This one event is missing on the new server; what came after it is there. `retry` tries it again. A server refuses an event for good where its own rules forbid it.

        Why: the target answered 500 to PUT /\_matrix/client/v3/rooms/%21a%3Aferry.test/send: M\_UNKNOWN database is locked, database ….

        ```folded Technical details
        the target answered 500 to PUT /_matrix/client/v3/rooms/%21a%3Aferry.test/send: M_UNKNOWN database is locked, database is locked, database is locked, database is locked, database is locked, 
        ```
        ");
        insta::assert_snapshot!(text("something else", "x", "it failed"), @r"
        **`8a2847b2` something else: `x`**

        It is not there on the new server, or not as it was. `retry` tries it again and leaves alone what is done.

        Why: it failed.
        ");
    }
}
