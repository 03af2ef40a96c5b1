use ruma::{RoomVersionId, owned_user_id, server_name};

use super::*;
use crate::migration::local::planner::Members;

fn how(version: RoomVersionId) -> Recreation {
    Recreation {
        reason: "why".to_owned(),
        creator: owned_user_id!("@a:x"),
        keeps_id: true,
        version,
        members: Members::default(),
        messages: None,
    }
}

fn wanted(room: Value, events: Value, members: &[(&str, &str)], version: RoomVersionId) -> Wanted {
    let able = ["@a:x", "@b:x", "@c:x"].map(|user| user.try_into().unwrap());
    let aliases = BTreeSet::from(["#r:x".to_owned()]);
    let anew = Anew::sample(&[("!old:x", "!new:x")]);
    let around = Around {
        server_name: server_name!("x"),
        able: &able.into(),
        aliases: Some(&aliases),
        anew: &anew,
    };
    let members = members
        .iter()
        .map(|(user, membership)| ((*user).try_into().unwrap(), (*membership).to_owned()))
        .collect();
    Wanted::of(
        &serde_json::from_value(room).unwrap(),
        serde_json::from_value(events).unwrap(),
        &members,
        &how(version),
        around,
    )
}

fn lines(wanted: &Wanted) -> String {
    let state = wanted.state.iter();
    let state = state.map(|((kind, key), content)| format!("{kind} {key:?} {content}"));
    state.collect::<Vec<_>>().join("\n")
}

#[test]
fn state_is_as_it_was_with_new_ids() {
    let wanted = wanted(
        json!({ "room_id": "!r:x" }),
        json!([
            { "type": "m.room.create", "state_key": "", "content": { "creator": "@a:x", "room_version": "9", "type": "m.space", "predecessor": { "room_id": "!old:x", "event_id": "$e" } } },
            { "type": "m.room.power_levels", "state_key": "", "content": { "users": { "@a:x": "100" } } },
            { "type": "m.room.power_levels", "state_key": "other", "content": { "users": { "@b:x": 100 } } },
            { "type": "m.room.create", "state_key": "other", "content": { "type": "org.example.none" } },
            { "type": "m.space.child", "state_key": "!old:x", "content": { "via": ["x"] } },
            { "type": "m.space.child", "state_key": "!other:x", "content": { "via": ["x"] } },
            { "type": "m.room.tombstone", "state_key": "", "content": { "replacement_room": "!old:x" } },
            { "type": "m.room.join_rules", "state_key": "", "content": { "join_rule": "restricted", "allow": [{ "type": "m.room_membership", "room_id": "!old:x" }] } },
            { "type": "m.room.canonical_alias", "state_key": "", "content": { "alias": "#r:x", "alt_aliases": ["#far:y", "#r:x"] } },
            { "type": "m.room.aliases", "state_key": "y", "content": { "aliases": ["#far:y"] } },
            { "type": "m.call.member", "state_key": "@a:x", "content": { "memberships": [] } },
            { "type": "m.call.member", "state_key": "@far:y", "content": { "memberships": [] } },
            { "type": "m.room.encryption", "content": { "algorithm": "m.megolm.v1.aes-sha2" } },
        ]),
        &[("@a:x", "join")],
        RoomVersionId::V9,
    );
    insta::assert_snapshot!(lines(&wanted), @r##"
    m.call.member "@a:x" {"memberships":[]}
    m.room.canonical_alias "" {"alias":"#r:x","alt_aliases":["#r:x"]}
    m.room.encryption "" {"algorithm":"m.megolm.v1.aes-sha2"}
    m.room.join_rules "" {"allow":[{"room_id":"!new:x","type":"m.room_membership"}],"join_rule":"restricted"}
    m.room.power_levels "other" {"users":{"@b:x":100}}
    m.room.tombstone "" {"replacement_room":"!new:x"}
    m.space.child "!new:x" {"via":["x"]}
    m.space.child "!other:x" {"via":["x"]}
    "##);
    insta::assert_snapshot!(wanted.left.join("\n"), @r"
    m.call.member of @far:y can only be sent by that user, who is not joined here
    m.room.aliases of y is of another server, and means nothing any more
    m.room.canonical_alias has fewer aliases: the others are not the room's by the bundle
    ");
    assert_eq!(
        Value::Object(wanted.create),
        json!({ "type": "m.space", "predecessor": { "room_id": "!new:x", "event_id": "$e" } })
    );
    assert_eq!(wanted.levels, Some(json!({ "users": { "@a:x": "100" } })));
}

#[test]
fn what_the_state_lacks_comes_from_the_list_of_rooms() {
    let wanted = wanted(
        json!({
            "room_id": "!r:x", "name": "Room", "join_rules": "public", "history_visibility": "joined",
            "guest_access": "can_join", "canonical_alias": "#r:x", "federatable": false, "room_type": "m.space",
        }),
        json!([{ "type": "m.room.name", "state_key": "", "content": { "name": "Other" } }]),
        &[],
        RoomVersionId::V12,
    );
    insta::assert_snapshot!(lines(&wanted), @r##"
    m.room.canonical_alias "" {"alias":"#r:x"}
    m.room.guest_access "" {"guest_access":"can_join"}
    m.room.history_visibility "" {"history_visibility":"joined"}
    m.room.join_rules "" {"join_rule":"public"}
    m.room.name "" {"name":"Other"}
    "##);
    assert_eq!(
        Value::Object(wanted.create),
        json!({ "m.federate": false, "type": "m.space" })
    );
    assert_eq!(wanted.levels, None);
}

#[test]
fn a_room_of_which_nothing_is_known_is_closed() {
    let wanted = wanted(
        json!({ "room_id": "!r:x" }),
        json!([]),
        &[],
        RoomVersionId::V10,
    );
    insta::assert_snapshot!(lines(&wanted), @r##"m.room.join_rules "" {"join_rule":"invite"}"##);
}

#[test]
fn members_are_those_who_can_be_put_back() {
    let wanted = wanted(
        json!({ "room_id": "!r:x" }),
        json!([
            { "type": "m.room.member", "state_key": "@a:x", "content": { "membership": "join", "displayname": "A", "join_authorised_via_users_server": "@b:x" } },
            { "type": "m.room.member", "state_key": "@b:x", "content": { "membership": "leave", "displayname": "B" } },
        ]),
        &[
            ("@a:x", "join"),
            ("@b:x", "invite"),
            ("@c:x", "knock"),
            ("@closed:x", "join"),
            ("@far:y", "join"),
            ("@bad:y", "ban"),
            ("@gone:x", "leave"),
        ],
        RoomVersionId::V10,
    );
    let members: Vec<_> = wanted
        .members
        .iter()
        .map(|(user, member)| format!("{user} {} {}", member.content, member.is_known))
        .collect();
    insta::assert_snapshot!(members.join("\n"), @r##"
    @a:x {"displayname":"A","membership":"join"} true
    @b:x {"membership":"invite"} false
    @bad:y {"membership":"ban"} false
    @c:x {"membership":"knock"} false
    "##);
    insta::assert_snapshot!(wanted.left.join("\n"), @r"
    @closed:x (join) has no account that can be used
    @far:y (join) is of another server, and can't be put back from here
    ");
}
