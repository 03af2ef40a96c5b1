//! Those who wait, compared: kind, inviter and stripped state, as their own `/sync` shows them.

use serde_json::value::RawValue;

use super::{
    letter, view,
    waiting::{Kind, Waiting},
};
use crate::{
    Error, Result,
    bundle::Bundle,
    migration::{outcome::RoomVerification, plan::RoomPlan},
    target::{
        Target,
        pending::{Stripped, Waits},
    },
};

/// Compares all of a room. `blank` is the room without anything compared.
pub async fn room(
    target: &Target,
    bundle: &Bundle,
    plan: &RoomPlan,
    waiting: &[Waiting],
    blank: RoomVerification,
) -> Result<RoomVerification> {
    let mut room = blank;
    for waiting in waiting {
        room.members.expected += 1;
        let user = &waiting.user_id;
        if let Some(reason) = &waiting.left {
            room.members.known.push(format!("{user}: {reason}"));
            continue;
        }
        let view = tokio::task::block_in_place(|| {
            let pending = letter::entry(bundle, &plan.room_id, user)?;
            view::of(bundle, &pending)
        })?;
        let expected = stripped(&view)?;
        compare(
            &mut room,
            waiting,
            &expected,
            target.waits(user, &plan.room_id).await?,
        );
    }
    Ok(room)
}

fn stripped(view: &[Box<RawValue>]) -> Result<Vec<Stripped>> {
    let events = view.iter().map(|raw| serde_json::from_str(raw.get()));
    events
        .collect::<std::result::Result<_, _>>()
        .map_err(|error| {
            Error::Target(format!(
                "the stripped state in the bundle can't be read ({error}): export again"
            ))
        })
}

fn compare(
    room: &mut RoomVerification,
    waiting: &Waiting,
    expected: &[Stripped],
    found: Option<Waits>,
) {
    let user = &waiting.user_id;
    let want = waiting.kind.name();
    let (have, seen) = match found {
        Some(Waits::Invited(seen)) => ("invite", seen),
        Some(Waits::Knocked(seen)) => ("knock", seen),
        Some(Waits::Joined) => ("join", Vec::new()),
        None => ("nothing", Vec::new()),
    };
    if have != want {
        let difference = format!("{user} has {have}, expected {want}");
        room.members.differences.push(difference);
        return;
    }
    let by = seen
        .iter()
        .find(|event| event.kind == "m.room.member" && event.state_key == user.as_str())
        .map(|event| event.sender.as_str());
    // Not every server shows somebody their own knock as an event.
    if waiting.kind == Kind::Invite && by != Some(waiting.by.as_str()) {
        room.members.differences.push(format!(
            "{user} is invited by {}, expected {}",
            by.unwrap_or("nobody"),
            waiting.by
        ));
    } else {
        room.members.equal += 1;
    }
    for event in expected {
        room.state.expected += 1;
        let what = format!("{user} sees {} {:?}", event.kind, event.state_key);
        let is_same =
            |seen: &&Stripped| seen.kind == event.kind && seen.state_key == event.state_key;
        match seen.iter().find(is_same) {
            Some(same) if same == event => room.state.equal += 1,
            Some(_) => room
                .state
                .differences
                .push(format!("{what} otherwise than the bundle has it")),
            None => room.state.differences.push(format!("{what} not at all")),
        }
    }
}

#[cfg(test)]
mod tests {
    use ruma::{owned_room_id, owned_user_id};
    use serde_json::json;

    use super::*;
    use crate::migration::outcome::Comparison;

    fn event(kind: &str, key: &str, sender: &str, content: &serde_json::Value) -> Stripped {
        serde_json::from_value(
            json!({ "type": kind, "state_key": key, "sender": sender, "content": content }),
        )
        .unwrap()
    }

    fn compared(kind: Kind, found: Option<Waits>) -> RoomVerification {
        let mut room = RoomVerification {
            room_id: owned_room_id!("!r:x"),
            name: "R".to_owned(),
            version: None,
            skipped: None,
            members: Comparison::default(),
            state: Comparison::default(),
            by_key: Comparison::default(),
            timeline: Comparison::default(),
            added: 0,
            same_order: None,
        };
        let waiting = Waiting {
            user_id: owned_user_id!("@a:x"),
            kind,
            by: owned_user_id!("@host:x"),
            left: None,
        };
        let expected = [
            event("m.room.name", "", "@host:x", &json!({ "name": "R" })),
            event(
                "m.room.join_rules",
                "",
                "@host:x",
                &json!({ "join_rule": "knock" }),
            ),
        ];
        compare(&mut room, &waiting, &expected, found);
        room
    }

    #[test]
    fn all_is_equal() {
        let seen = vec![
            event(
                "m.room.join_rules",
                "",
                "@host:x",
                &json!({ "join_rule": "knock" }),
            ),
            event(
                "m.room.member",
                "@a:x",
                "@host:x",
                &json!({ "membership": "invite" }),
            ),
            event("m.room.name", "", "@host:x", &json!({ "name": "R" })),
        ];
        let room = compared(Kind::Invite, Some(Waits::Invited(seen.clone())));
        assert!(room.is_good());
        assert_eq!((room.members.equal, room.state.equal), (1, 2));
        let room = compared(Kind::Knock, Some(Waits::Knocked(seen[..1].to_vec())));
        assert_eq!(room.members.equal, 1);
        assert_eq!(
            room.state.differences,
            [r#"@a:x sees m.room.name "" not at all"#]
        );
    }

    #[test]
    fn each_difference_is_named() {
        let told = |kind, found| {
            let room = compared(kind, found);
            let all = [room.members.differences, room.state.differences];
            all.concat().join("\n")
        };
        insta::assert_snapshot!(told(Kind::Invite, None), @"@a:x has nothing, expected invite");
        insta::assert_snapshot!(told(Kind::Knock, Some(Waits::Invited(Vec::new()))), @"@a:x has invite, expected knock");
        insta::assert_snapshot!(told(Kind::Invite, Some(Waits::Joined)), @"@a:x has join, expected invite");
        let seen = vec![
            event(
                "m.room.member",
                "@a:x",
                "@other:x",
                &json!({ "membership": "invite" }),
            ),
            event("m.room.name", "", "@host:x", &json!({ "name": "Q" })),
        ];
        insta::assert_snapshot!(told(Kind::Invite, Some(Waits::Invited(seen))), @r#"
        @a:x is invited by @other:x, expected @host:x
        @a:x sees m.room.name "" otherwise than the bundle has it
        @a:x sees m.room.join_rules "" not at all
        "#);
    }
}
