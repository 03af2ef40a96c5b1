//! What a plan says of rooms that are made anew, or could be.

use std::fmt::Write;

use super::anew;
use crate::{
    migration::{
        local::messages::Counted,
        plan::{Mode, Plan, Recreation},
    },
    report::{
        messages,
        text::{code, count, escape, number_of},
    },
};

/// How many there are, with all that is lost; or how it can be asked for.
pub(super) fn line(plan: &Plan) -> String {
    let rooms = anew(plan).count() as u64;
    let mut text = String::new();
    if rooms > 0 {
        let members: u64 = anew(plan).map(|(_, how)| how.members.joined).sum();
        let others = anew(plan).filter(|(_, how)| !how.keeps_id).count() as u64;
        let (asked, lost) = if plan.replay_messages {
            (
                " --replay-messages",
                "of their history they have only messages, and a later import can't bring the rest",
            )
        } else {
            (
                "",
                "nobody sees there what was said before, and a later import can't bring it",
            )
        };
        let _infallible = writeln!(
            text,
            "- **{} made anew, without history (`--mode {}{asked}`)**: with {}, their state and aliases; {lost}",
            count(rooms, "room is", "rooms are"),
            plan.mode,
            count(members, "membership", "memberships"),
        );
        if plan.replay_messages {
            let mut all = Counted::default();
            anew(plan)
                .filter_map(|(_, how)| how.messages.as_ref())
                .for_each(|it| all.add(it));
            text.push_str(&messages::planned(all.sent, &all.left));
        }
        if others > 0 {
            let _infallible = writeln!(
                text,
                "- {} a new ID: rooms and settings that name it are changed, but links to it lead nowhere",
                count(others, "of these gets", "of these get")
            );
        }
    }
    let behind = plan.could_be_made;
    if behind > 0 && plan.mode == Mode::Resident {
        let _infallible = writeln!(
            text,
            "- {} can be made anew, with members and state, but without history: `--mode fallback` does that",
            count(behind, "room that stays behind", "rooms that stay behind")
        );
    }
    text
}

/// What happens to one of them.
pub(super) fn fate(how: &Recreation) -> String {
    let id = if how.keeps_id {
        "under its own ID"
    } else {
        "under a new ID"
    };
    let members = &how.members;
    let mut people = vec![format!("{} joined", number_of(members.joined))];
    for (number, what) in [
        (members.invited, "invited"),
        (members.knocking, "knocking"),
        (members.banned, "banned"),
        (members.left, "not put back"),
    ] {
        if number > 0 {
            people.push(format!("{} {what}", number_of(number)));
        }
    }
    let said = how.messages.as_ref();
    let said = said.map_or_else(String::new, |all| {
        format!(", {} sent again", count(all.sent, "message", "messages"))
    });
    format!(
        "{} makes it anew {id}, in version {}, without its history ({}): {}{said}",
        code(&how.creator),
        how.version,
        escape(&how.reason),
        people.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use ruma::RoomVersionId;

    use super::super::{full, short};
    use crate::migration::{
        forecast::Forecast,
        local::{messages::Counted, planner::Members},
        outcome::NotSent,
        plan::{Mode, Plan, Recreation, RoomAction, RoomPlan},
    };

    fn room(number: usize, action: RoomAction) -> RoomPlan {
        RoomPlan {
            room_id: format!("!r{number}:ferry.test").try_into().unwrap(),
            name: format!("Room {number}"),
            version: Some(RoomVersionId::V10),
            events: 0,
            members: 3,
            action,
        }
    }

    const NO_EVENTS: &str = "the bundle has none of its events: export it with its history";

    fn anew(keeps_id: bool, banned: u64) -> RoomAction {
        RoomAction::Recreate(Recreation {
            reason: NO_EVENTS.to_owned(),
            creator: "@anna:ferry.test".try_into().unwrap(),
            keeps_id,
            version: RoomVersionId::V11,
            members: Members {
                joined: 1_200,
                invited: 1,
                banned,
                ..Members::default()
            },
            messages: None,
        })
    }

    #[test]
    fn rooms_that_are_made_anew_are_told_with_what_they_lose() {
        let plan = Plan {
            rooms: vec![room(1, anew(true, 2)), room(2, anew(false, 0))],
            mode: Mode::Fallback,
            ..Plan::sample()
        };
        insta::assert_snapshot!(short(&plan, &Forecast::default()), @r"
        **0 accounts and 0 of 2 rooms will be carried to Tuwunel 1.9.0.**

        - bundle: `b.tar.zst`
        - history: 0 events
        - **2 rooms are made anew, without history (`--mode fallback`)**: with 2,400 memberships, their state and aliases; nobody sees there what was said before, and a later import can't bring it
        - 1 of these gets a new ID: rooms and settings that name it are changed, but links to it lead nowhere

        Rooms that are made anew:

        - Room 1 (`!r1:ferry.test`): `@anna:ferry.test` makes it anew under its own ID, in version 11, without its history (the bundle has none of its events: export it with its history): 1,200 joined, 1 invited, 2 banned
        - Room 2 (`!r2:ferry.test`): `@anna:ferry.test` makes it anew under a new ID, in version 11, without its history (the bundle has none of its events: export it with its history): 1,200 joined, 1 invited

        Nothing has been changed. Next: `import`.
        ");
        let full = full(&plan, &Forecast::default());
        let line = full.lines().find(|line| line.contains("!r2"));
        insta::assert_snapshot!(line.unwrap(), @"| `!r2:ferry.test` | Room 2 | 10 | 3 | 0 | `@anna:ferry.test` makes it anew under a new ID, in version 11, without its history (the bundle has none of its events: export it with its history): 1,200 joined, 1 invited |");
    }

    #[test]
    fn messages_that_are_sent_again_are_counted() {
        let filled = |sent, left: &[(NotSent, u64)]| {
            let mut action = anew(true, 0);
            if let RoomAction::Recreate(how) = &mut action {
                let left = left.iter().copied().collect();
                how.messages = Some(Counted { sent, left });
            }
            action
        };
        let one = filled(1_000, &[(NotSent::Gone, 2), (NotSent::Redacted, 1)]);
        let plan = Plan {
            rooms: vec![room(1, one), room(2, filled(1, &[(NotSent::Gone, 1)]))],
            mode: Mode::Local,
            replay_messages: true,
            ..Plan::sample()
        };
        insta::assert_snapshot!(short(&plan, &Forecast::default()), @r"
        **0 accounts and 0 of 2 rooms will be carried to Tuwunel 1.9.0.**

        - bundle: `b.tar.zst`
        - history: 0 events
        - **2 rooms are made anew, without history (`--mode local --replay-messages`)**: with 2,400 memberships, their state and aliases; of their history they have only messages, and a later import can't bring the rest
        - 1,001 messages are sent again by those who have said them, as new events with the old times and a mark
        - 1 thing that was said is not sent again: deleted
        - 3 things that were said are not sent again: said by people who are not in the room any more

        Rooms that are made anew:

        - Room 1 (`!r1:ferry.test`): `@anna:ferry.test` makes it anew under its own ID, in version 11, without its history (the bundle has none of its events: export it with its history): 1,200 joined, 1 invited, 1,000 messages sent again
        - Room 2 (`!r2:ferry.test`): `@anna:ferry.test` makes it anew under its own ID, in version 11, without its history (the bundle has none of its events: export it with its history): 1,200 joined, 1 invited, 1 message sent again

        Nothing has been changed. Next: `import`.
        ");
    }

    #[test]
    fn how_to_have_them_made_anew_is_told() {
        let skip = RoomAction::Skip {
            reason: NO_EVENTS.to_owned(),
        };
        let plan = Plan {
            rooms: vec![room(1, skip)],
            could_be_made: 1,
            ..Plan::sample()
        };
        insta::assert_snapshot!(short(&plan, &Forecast::default()), @r"
        **0 accounts and 0 of 1 room will be carried to Tuwunel 1.9.0.**

        - bundle: `b.tar.zst`
        - history: 0 events
        - 1 room that stays behind can be made anew, with members and state, but without history: `--mode fallback` does that

        Rooms that stay behind:

        - Room 1 (`!r1:ferry.test`): the bundle has none of its events: export it with its history

        Nothing has been changed. Next: `import`.
        ");
    }
}
