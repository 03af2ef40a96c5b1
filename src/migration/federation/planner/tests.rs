use ruma::{RoomVersionId, owned_server_name, owned_user_id, server_name};
use serde_json::{Value, json};

use super::*;
use crate::migration::federation::room::{LEVELS, sample};

fn target() -> Abilities {
    Abilities {
        software: "Tuwunel 1.4.6".to_owned(),
        replay: true,
        room_versions: ["10", "11", "12"].map(|it| it.try_into().unwrap()).into(),
    }
}

fn memberships(all: &[(&str, &str)]) -> BTreeMap<OwnedUserId, String> {
    let all = all.iter().map(|(user, membership)| {
        let user = OwnedUserId::try_from(format!("@{user}")).unwrap();
        (user, (*membership).to_owned())
    });
    all.collect()
}

fn planned(
    new: &ServerName,
    events: &[(&str, &str, Value)],
    members: &[(&str, &str)],
) -> RoomAction {
    planned_as(&RoomVersionId::V10, new, events, members)
}

fn planned_as(
    version: &RoomVersionId,
    new: &ServerName,
    events: &[(&str, &str, Value)],
    members: &[(&str, &str)],
) -> RoomAction {
    let (room, state) = sample(version, "@far:creator.test", events);
    let ids = NewIds::between(server_name!("old.test"), new);
    let able = ["a", "b"].map(|name| OwnedUserId::try_from(format!("@{name}:{new}")).unwrap());
    let around = Around {
        ids: &ids,
        able: &able.into(),
        via: &[
            owned_server_name!("given.test"),
            owned_server_name!("new.test"),
        ],
        alive: &[
            owned_server_name!("alive.test"),
            owned_server_name!("creator.test"),
        ]
        .into(),
        target: &target(),
    };
    plan(&room, &state, &memberships(members), around).action
}

fn rule(rule: &str) -> (&'static str, &'static str, Value) {
    ("m.room.join_rules", "", json!({ "join_rule": rule }))
}

fn new() -> &'static ServerName {
    server_name!("new.test")
}

#[test]
fn servers_are_asked_in_the_order_of_their_worth() {
    let members = [
        ("a:old.test", "join"),
        ("x:dead.test", "join"),
        ("y:dead.test", "join"),
        ("x:alive.test", "join"),
        ("x:creator.test", "join"),
        ("x:left.test", "leave"),
        ("x:new.test", "join"),
    ];
    let RoomAction::Join(way) = planned(new(), &[rule("public")], &members) else {
        panic!("it is joined")
    };
    assert_eq!(
        way.via,
        [
            "given.test",
            "creator.test",
            "alive.test",
            "old.test",
            "dead.test"
        ]
    );
    assert_eq!(way.door, Door::Open);
}

fn reason(action: RoomAction) -> String {
    match action {
        RoomAction::Skip { reason } => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_can_not_be_joined_stays_behind_with_the_reason() {
    let a = [("a:old.test", "join")];
    let levels = json!({ "users": { "@far:creator.test": 100 }, "invite": 50 });
    insta::assert_snapshot!(reason(planned(new(), &[(LEVELS, "", levels)], &a)), @"nobody comes in without an invite, and none of its local members may invite: ask one of its moderators");
    insta::assert_snapshot!(reason(planned(new(), &[], &[("closed:old.test", "join")])), @"no local user is joined to it any more");
    insta::assert_snapshot!(reason(planned_as(&RoomVersionId::V1, new(), &[], &a)), @"Tuwunel 1.4.6 does not take room version 1: upgrade the room on Synapse and export again");
    insta::assert_snapshot!(reason(planned(server_name!("old.test"), &[], &a)), @"no other server is in it through which somebody could join");
}

#[test]
fn under_the_same_name_nobody_needs_an_invite_and_the_own_server_is_not_asked() {
    let members = [("a:old.test", "join"), ("x:alive.test", "join")];
    let RoomAction::Join(way) = planned(server_name!("old.test"), &[], &members) else {
        panic!("it is joined")
    };
    assert_eq!(way.door, Door::Open);
    assert_eq!(way.via, ["given.test", "new.test", "alive.test"]);
}

#[test]
fn members_are_counted_by_what_becomes_of_them() {
    let members = [
        ("a:old.test", "join"),
        ("b:old.test", "invite"),
        ("closed:old.test", "join"),
        ("knocks:old.test", "knock"),
        ("bad:old.test", "ban"),
        ("x:alive.test", "join"),
    ];
    let invite = (
        super::super::room::MEMBER,
        "@b:old.test",
        json!({ "membership": "invite" }),
    );
    let RoomAction::Join(way) = planned(new(), &[invite], &members) else {
        panic!("it is joined")
    };
    let counted = Members {
        joined: 1,
        // Somebody of another server has invited them.
        invited: 0,
        left: 3,
        banned: 1,
    };
    assert_eq!(way.members, counted);
    assert_eq!(way.host, Some(owned_user_id!("@a:old.test")));
}

fn room(id: &str, allowed: &[&str]) -> RoomPlan {
    let allowed: Vec<_> = allowed.iter().map(|id| (*id).try_into().unwrap()).collect();
    RoomPlan {
        room_id: id.try_into().unwrap(),
        name: id.to_owned(),
        version: Some(RoomVersionId::V10),
        events: 0,
        members: 1,
        action: RoomAction::Join(Way {
            via: Vec::new(),
            aliases: Vec::new(),
            door: if allowed.is_empty() {
                Door::Open
            } else {
                Door::Restricted(allowed)
            },
            host: None,
            after: Vec::new(),
            turn: 0,
            members: Members::default(),
        }),
    }
}

fn order(rooms: &[(&str, &[&str])]) -> String {
    let mut rooms: Vec<_> = rooms
        .iter()
        .map(|(id, allowed)| room(id, allowed))
        .collect();
    in_order(&mut rooms);
    let mut ways: Vec<_> = rooms
        .iter()
        .filter_map(|room| match &room.action {
            RoomAction::Join(way) => Some((way.turn, &room.room_id, &way.after)),
            _ => None,
        })
        .collect();
    ways.sort();
    let line = |(turn, room, after): &(u64, &OwnedRoomId, &Vec<OwnedRoomId>)| {
        let after: Vec<_> = after.iter().map(|it| it.as_str()).collect();
        format!("{turn} {room} {}", after.join(" "))
    };
    ways.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn restricted_rooms_come_after_those_whose_members_they_let_in() {
    insta::assert_snapshot!(order(&[("!a:x", &["!b:x"]), ("!b:x", &["!c:x", "!elsewhere:x"]), ("!c:x", &[])]), @r"
    0 !c:x 
    1 !b:x !c:x
    2 !a:x !b:x
    ");
    insta::assert_snapshot!(order(&[("!a:x", &["!b:x", "!a:x"]), ("!b:x", &["!a:x"]), ("!c:x", &["!b:x"])]), @r"
    0 !a:x 
    1 !b:x !a:x
    2 !c:x !b:x
    ");
}
