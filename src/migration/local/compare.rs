//! A room that was made anew against the bundle: by its members and its state, for its events are others. No I/O.

use std::collections::BTreeMap;

use ruma::UserId;
use serde_json::{Value, json};

use super::{
    MADE_FROM,
    planner::Recreation,
    there::There,
    wanted::{CREATE, JOIN_RULES, LEVELS, MEMBER, Member, Wanted},
};
use crate::{migration::outcome::Comparison, model::state_pair::name};

/// State that servers make in every new room, and that says what a room without it means.
fn is_usual(kind: &str, content: &Value) -> bool {
    match kind {
        "m.room.guest_access" => *content == json!({ "guest_access": "forbidden" }),
        "m.room.history_visibility" => *content == json!({ "history_visibility": "shared" }),
        JOIN_RULES => *content == json!({ "join_rule": "invite" }),
        _ => false,
    }
}

/// Whether a state event says nothing: it was taken back or redacted. Some servers don't take such.
#[must_use]
pub fn is_empty(content: &Value) -> bool {
    content.as_object().is_some_and(serde_json::Map::is_empty)
}

/// Members, then state.
#[must_use]
pub fn room(wanted: &Wanted, there: &There, how: &Recreation) -> (Comparison, Comparison) {
    let mut all = (members(wanted, there, how), state(wanted, there));
    all.0.known.extend(wanted.left.iter().cloned());
    (all.0, all.1)
}

fn members(wanted: &Wanted, there: &There, how: &Recreation) -> Comparison {
    let mut comparison = Comparison {
        expected: wanted.members.len() as u64,
        ..Comparison::default()
    };
    for (user, member) in &wanted.members {
        match difference(user, member, there) {
            None => comparison.equal += 1,
            Some(difference) => comparison.differences.push(difference),
        }
    }
    let others = there.state.iter().filter(|((kind, _), _)| kind == MEMBER);
    for ((_, user), content) in others {
        let membership = content["membership"].as_str().unwrap_or("there");
        let is_wanted =
            <&UserId>::try_from(user.as_str()).is_ok_and(|user| wanted.members.contains_key(user));
        if is_wanted || membership == "leave" && *user != how.creator {
            continue;
        }
        if membership == "leave" {
            let text = format!("{user} has made the room anew, and left it again");
            comparison.known.push(text);
        } else {
            let text = format!("{user} is {membership}, but is not in the source");
            comparison.differences.push(text);
        }
    }
    comparison
}

fn difference(user: &UserId, member: &Member, there: &There) -> Option<String> {
    let want = &member.membership;
    let have = there.membership(user).unwrap_or("nothing");
    if want != have {
        return Some(format!("{user} is {have} instead of {want}"));
    }
    (!same_person(user, member, there)).then(|| format!("{user} has another name or picture"))
}

/// Whether a joined member has the name and picture that the bundle says, if it says any.
#[must_use]
pub fn same_person(user: &UserId, member: &Member, there: &There) -> bool {
    if !member.is_known || member.membership != "join" {
        return true;
    }
    let have = there.get(MEMBER, user.as_str());
    let text = |content: Option<&Value>, field: &str| {
        let text = content.and_then(|content| content.get(field)?.as_str());
        text.filter(|text| !text.is_empty()).map(str::to_owned)
    };
    ["displayname", "avatar_url"]
        .iter()
        .all(|field| text(Some(&member.content), field) == text(have, field))
}

fn state(wanted: &Wanted, there: &There) -> Comparison {
    let mut expected: BTreeMap<_, _> = wanted
        .state
        .iter()
        .map(|(key, it)| (key.clone(), it))
        .collect();
    if let Some(levels) = &wanted.levels {
        expected.insert((LEVELS.to_owned(), String::new()), levels);
    }
    let mut comparison = Comparison {
        expected: expected.len() as u64 + 1,
        ..Comparison::default()
    };
    if is_made_so(wanted, there) {
        comparison.equal += 1;
    } else {
        let what = format!("{CREATE} has another content");
        comparison.differences.push(what);
    }
    for ((kind, key), content) in &expected {
        match there.get(kind, key) {
            Some(have) if have == *content => comparison.equal += 1,
            Some(_) => comparison
                .differences
                .push(format!("{} has another content", name(kind, key))),
            None if is_empty(content) => {
                comparison.equal += 1;
                let text = format!("{} says nothing, and was not sent", name(kind, key));
                comparison.known.push(text);
            }
            None => comparison
                .differences
                .push(format!("{} is missing", name(kind, key))),
        }
    }
    for ((kind, key), content) in &there.state {
        let pair = (kind.clone(), key.clone());
        if kind == CREATE || kind == MEMBER || expected.contains_key(&pair) {
            continue;
        }
        if kind == LEVELS {
            comparison.known.push(format!(
                "{kind} is the target's own: the bundle has none of the room"
            ));
        } else if !is_usual(kind, content) {
            comparison
                .differences
                .push(format!("{} is not in the source", name(kind, key)));
        }
    }
    comparison
}

/// Whether the create event says what the source's said, beside what servers write into it.
fn is_made_so(wanted: &Wanted, there: &There) -> bool {
    let Some(there) = there.create().and_then(Value::as_object) else {
        return false;
    };
    let own = ["creator", "room_version", MADE_FROM];
    let mut have = there.clone();
    have.retain(|field, _| !own.contains(&field.as_str()));
    have == wanted.create
}

#[cfg(test)]
mod tests {
    use ruma::{RoomVersionId, owned_user_id};

    use super::*;
    use crate::migration::local::planner::Members;

    fn how() -> Recreation {
        Recreation {
            reason: "why".to_owned(),
            creator: owned_user_id!("@maker:x"),
            keeps_id: true,
            version: RoomVersionId::V10,
            members: Members::default(),
            messages: None,
        }
    }

    fn member(membership: &str, name: Option<&str>) -> Member {
        Member {
            membership: membership.to_owned(),
            content: json!({ "membership": membership, "displayname": name }),
            is_known: name.is_some(),
        }
    }

    #[test]
    fn a_room_is_the_same_by_members_and_state() {
        let mut wanted = Wanted::default();
        let topic = ("m.room.topic".to_owned(), String::new());
        wanted.state.insert(topic.clone(), json!({ "topic": "t" }));
        wanted.levels = Some(json!({ "ban": 50 }));
        let members = [
            ("@a:x", member("join", Some("A"))),
            ("@b:x", member("ban", None)),
            ("@c:x", member("join", None)),
        ];
        for (user, member) in members {
            wanted.members.insert(user.try_into().unwrap(), member);
        }
        let mut there = There::default();
        there.put(
            CREATE,
            "",
            json!({ "creator": "@maker:x", "room_version": "10", MADE_FROM: "!a:x" }),
        );
        there.put(LEVELS, "", json!({ "ban": 50 }));
        there.put("m.room.topic", "", json!({ "topic": "t" }));
        there.put(
            "m.room.guest_access",
            "",
            json!({ "guest_access": "forbidden" }),
        );
        let mut join = |user: &str, membership: &str, name: &str| {
            let content = json!({ "membership": membership, "displayname": name });
            there.put(MEMBER, user, content);
        };
        join("@a:x", "join", "A");
        join("@b:x", "ban", "");
        join("@c:x", "join", "Anything");
        join("@maker:x", "leave", "");
        let (members, state) = room(&wanted, &there, &how());
        assert_eq!((members.expected, members.equal), (3, 3));
        assert_eq!(members.differences, [] as [String; 0]);
        insta::assert_snapshot!(members.known.join("\n"), @"@maker:x has made the room anew, and left it again");
        assert_eq!((state.expected, state.equal), (3, 3));
        assert_eq!((&state.differences, &state.known), (&vec![], &vec![]));

        wanted.levels = None;
        wanted.create.insert("type".to_owned(), json!("m.space"));
        wanted.state.insert(topic, json!({ "topic": "other" }));
        for (key, content) in [("k", json!({ "a": 1 })), ("empty", json!({}))] {
            wanted
                .state
                .insert(("x".to_owned(), key.to_owned()), content);
        }
        there.put(MEMBER, "@a:x", json!({ "membership": "join" }));
        there.put(MEMBER, "@b:x", json!({ "membership": "join" }));
        there.put(MEMBER, "@d:x", json!({ "membership": "join" }));
        there.put(
            "m.room.guest_access",
            "",
            json!({ "guest_access": "can_join" }),
        );
        let (members, state) = room(&wanted, &there, &how());
        insta::assert_snapshot!(members.differences.join("\n"), @r"
        @a:x has another name or picture
        @b:x is join instead of ban
        @d:x is join, but is not in the source
        ");
        insta::assert_snapshot!(state.differences.join("\n"), @r"
        m.room.create has another content
        m.room.topic has another content
        x of k is missing
        m.room.guest_access is not in the source
        ");
        insta::assert_snapshot!(state.known.join("\n"), @r"
        x of empty says nothing, and was not sent
        m.room.power_levels is the target's own: the bundle has none of the room
        ");
    }
}
