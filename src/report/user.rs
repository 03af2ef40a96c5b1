//! One user's state.

use std::fmt::Write;

use super::{
    problems,
    text::{code, escape, first, len, number_of, sentence},
};
use crate::{
    ledger::Taken,
    migration::{outcome::RoomLeft, plan::UserAction, user_state::UserState},
};

/// Rooms that a message lists.
const FEW: usize = 8;

/// For the room and the terminal.
#[must_use]
pub fn markdown(state: &UserState) -> String {
    let mut text = format!(
        "**{}: {}**\n\n- bundle: {}\n",
        code(&state.user_id),
        match &state.action {
            UserAction::Carry => "carried over".to_owned(),
            UserAction::Reserve { reason } => format!("only the name is kept, {}", escape(reason)),
            UserAction::Skip { reason } => format!("not carried over, {}", escape(reason)),
        },
        code(&state.bundle)
    );
    if state.steps.is_empty() {
        text.push_str("- nothing was done yet\n");
    }
    for taken in &state.steps {
        let _infallible = writeln!(text, "- {}", step(taken));
    }
    let _infallible = if state.steps.is_empty() && state.rooms_left.is_empty() {
        writeln!(text, "- joined rooms: {}", number_of(state.rooms))
    } else {
        writeln!(
            text,
            "- joined rooms: {} there, {} not",
            number_of(state.rooms),
            number_of(len(&state.rooms_left))
        )
    };
    if !state.rooms_left.is_empty() {
        let lines = state.rooms_left.iter().map(room);
        let _infallible = write!(
            text,
            "\nRooms that are not there, or differ:\n\n{}",
            first(lines, FEW)
        );
    }
    text.push_str(&problems::explained(&state.problems));
    text
}

fn room(room: &RoomLeft) -> String {
    format!(
        "{} ({}): {}",
        escape(&room.name),
        code(&room.room_id),
        sentence(&room.reason)
    )
}

fn step(taken: &Taken) -> String {
    let what = match taken.step.as_str() {
        "account" => "account",
        "admin" => "admin rights",
        "address" => "e-mail addresses",
        "profile" => "name and picture",
        "wait" => "invite or knock",
        "identity" => "encryption identity",
        "signatures" => "verified people",
        "backup" => "key backup",
        "user_data" => "settings and tags",
        "receipts" => "read receipts",
        other => other,
    };
    let part = match taken.part.as_str() {
        "" => String::new(),
        part => format!(" {}", code(part)),
    };
    let how = match (taken.outcome.as_str(), taken.detail.as_str()) {
        ("begun", _) => "begun, and not known to be done: import again".to_owned(),
        ("failed", why) => format!("failed: {}", sentence(why)),
        (_, "adopted") => "there already, its password stays".to_owned(),
        (_, "reserved") => "closed, so that nobody takes the name".to_owned(),
        (_, "theirs") => "they have their own on the target: that stays".to_owned(),
        (_, "older") => "a later version is there already".to_owned(),
        (_, "none") => "none in the bundle".to_owned(),
        (_, how) => escape(how),
    };
    format!("{what}{part}: {how}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::Problem;

    fn taken(step: &str, part: &str, outcome: &str, detail: &str) -> Taken {
        Taken {
            step: step.to_owned(),
            part: part.to_owned(),
            outcome: outcome.to_owned(),
            detail: detail.to_owned(),
        }
    }

    #[test]
    fn a_users_whole_state() {
        let state = UserState {
            user_id: "@anna:ferry.test".try_into().unwrap(),
            bundle: "b.tar.zst".into(),
            action: UserAction::Carry,
            steps: vec![
                taken("account", "", "done", "adopted"),
                taken("address", "", "done", "bound"),
                taken("profile", "", "failed", "the target answered 500"),
                taken("identity", "", "done", "theirs"),
                taken("backup", "3", "done", "carried"),
                taken("user_data", "", "begun", ""),
            ],
            rooms: 12,
            rooms_left: vec![RoomLeft {
                room_id: "!old:ferry.test".try_into().unwrap(),
                name: "Old | new".into(),
                reason: "it differs from the source".into(),
            }],
            problems: vec![Problem {
                step: "profile".into(),
                subject: "@anna:ferry.test".into(),
                reason: "the target answered 500".into(),
            }],
        };
        insta::assert_snapshot!(markdown(&state), @r"
        **`@anna:ferry.test`: carried over**

        - bundle: `b.tar.zst`
        - account: there already, its password stays
        - e-mail addresses: bound
        - name and picture: failed: the target answered 500
        - encryption identity: they have their own on the target: that stays
        - key backup `3`: carried
        - settings and tags: begun, and not known to be done: import again
        - joined rooms: 12 there, 1 not

        Rooms that are not there, or differ:

        - Old \| new (`!old:ferry.test`): it differs from the source

        **1 thing could not be done**

        - `f935bfc3` profile: `@anna:ferry.test`: the target answered 500

        **What it means**

        - profile: Their name or picture is missing. `retry` tries it again and leaves alone what is done.
        ");
    }

    #[test]
    fn before_the_import() {
        let state = UserState {
            user_id: "@gone:ferry.test".try_into().unwrap(),
            bundle: "b.tar.zst".into(),
            action: UserAction::Reserve {
                reason: "deactivated on Synapse".into(),
            },
            steps: vec![],
            rooms: 0,
            rooms_left: vec![],
            problems: vec![],
        };
        insta::assert_snapshot!(markdown(&state), @r"
        **`@gone:ferry.test`: only the name is kept, deactivated on Synapse**

        - bundle: `b.tar.zst`
        - nothing was done yet
        - joined rooms: 0
        ");
    }
}
