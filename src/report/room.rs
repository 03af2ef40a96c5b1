//! One room's state.

use std::fmt::Write;

use super::{
    messages, problems,
    text::{code, count, escape, number_of, sentence},
};
use crate::migration::{local, room_state::RoomState};

/// For the room and the terminal.
#[must_use]
pub fn markdown(state: &RoomState) -> String {
    let name = state
        .name
        .as_deref()
        .map_or_else(String::new, |name| format!("{} ", escape(name)));
    let mut text = format!(
        "**{name}{}**\n\n- bundle: {}\n- version {}, {}, {} of them of this server, {}\n",
        code(&state.room_id),
        code(&state.bundle),
        state
            .version
            .as_deref()
            .map_or_else(|| "unknown".to_owned(), escape),
        count(state.members.0, "member", "members"),
        number_of(state.members.1),
        count(state.events, "event", "events"),
    );
    if let Some(replayed) = state.replayed {
        let _infallible = writeln!(
            text,
            "- history: {} of {} replayed",
            number_of(replayed),
            number_of(state.events)
        );
    }
    let end = match &state.end {
        None => "not carried over, or not yet: the plan says which".to_owned(),
        Some(taken) => match (taken.outcome.as_str(), taken.detail.as_str()) {
            ("done", "equal") => "carried over, and compared: equal".to_owned(),
            ("done", local::DONE) => {
                let without = if state.resent > 0 {
                    "with nothing of its history but messages"
                } else {
                    "without its history"
                };
                format!("made anew, {without}; what it has was compared: equal")
            }
            ("done", _) => {
                "nobody here is in it; who is invited or has knocked waits at its door again"
                    .to_owned()
            }
            ("failed", why) => format!("failed: {}", sentence(why)),
            _ => "begun, and not known to be done: import again".to_owned(),
        },
    };
    let _infallible = writeln!(text, "- {end}");
    if state.resent > 0 {
        let _infallible = writeln!(text, "- {}", messages::sent(state.resent));
    }
    if let Some(id) = state.made_as.as_ref().filter(|id| **id != state.room_id) {
        let _infallible = writeln!(text, "- its ID on the target: {}", code(&id));
    }
    text.push_str(&problems::explained(&state.problems));
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{job::Problem, ledger::Taken};

    #[test]
    fn a_rooms_whole_state() {
        let end = |outcome: &str, detail: &str| {
            Some(Taken {
                step: "settle".to_owned(),
                part: String::new(),
                outcome: outcome.to_owned(),
                detail: detail.to_owned(),
            })
        };
        let mut state = RoomState {
            room_id: "!a:ferry.test".try_into().unwrap(),
            bundle: "b.tar.zst".into(),
            name: Some("Harbour *1*".into()),
            version: Some("11".into()),
            members: (12, 7),
            events: 1_200,
            replayed: None,
            made_as: None,
            resent: 0,
            end: None,
            problems: vec![],
        };
        insta::assert_snapshot!(markdown(&state), @r"
        **Harbour \*1\* `!a:ferry.test`**

        - bundle: `b.tar.zst`
        - version 11, 12 members, 7 of them of this server, 1,200 events
        - not carried over, or not yet: the plan says which
        ");
        state.replayed = Some(1_100);
        state.end = end("failed", "it differs from the source");
        state.problems = vec![Problem {
            step: "room".into(),
            subject: "!a:ferry.test: @anna:ferry.test is missing".into(),
            reason: "it differs from the source".into(),
        }];
        insta::assert_snapshot!(markdown(&state), @r"
        **Harbour \*1\* `!a:ferry.test`**

        - bundle: `b.tar.zst`
        - version 11, 12 members, 7 of them of this server, 1,200 events
        - history: 1,100 of 1,200 replayed
        - failed: it differs from the source

        **1 thing could not be done**

        - `7e7891c2` room: `!a:ferry.test: @anna:ferry.test is missing`: it differs from the source

        **What it means**

        - room: The room is missing on the new server, or something in it differs from Synapse. `retry` with its ID carries it again and mends what it can; `room` with its ID says how far it is.
        ");
        let last = |end| {
            let state = RoomState {
                end,
                problems: vec![],
                ..state.clone()
            };
            markdown(&state).lines().last().unwrap().to_owned()
        };
        let lines = [
            end("done", "equal"),
            end("done", "pending"),
            end("begun", ""),
        ]
        .map(last);
        insta::assert_snapshot!(lines.join("\n"), @r"
        - carried over, and compared: equal
        - nobody here is in it; who is invited or has knocked waits at its door again
        - begun, and not known to be done: import again
        ");
        state.problems.clear();
        state.replayed = None;
        state.made_as = Some("!b:ferry.test".try_into().unwrap());
        state.end = end("done", "made anew");
        insta::assert_snapshot!(markdown(&state), @r"
        **Harbour \*1\* `!a:ferry.test`**

        - bundle: `b.tar.zst`
        - version 11, 12 members, 7 of them of this server, 1,200 events
        - made anew, without its history; what it has was compared: equal
        - its ID on the target: `!b:ferry.test`
        ");
        state.resent = 1_000;
        let text = markdown(&state);
        let lines: Vec<_> = text.lines().skip(4).collect();
        insta::assert_snapshot!(lines.join("\n"), @r"
        - made anew, with nothing of its history but messages; what it has was compared: equal
        - 1,000 messages were sent again, with the old times
        - its ID on the target: `!b:ferry.test`
        ");
    }
}
