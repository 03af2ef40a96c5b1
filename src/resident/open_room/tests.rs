//! Join points, states and auth chains of a small room.

use ruma::{owned_event_id, owned_room_id, owned_user_id};
use serde_json::value::to_raw_value;

use super::*;

fn line(id: &str, kind: &str, key: Option<&str>, auth: &[&str]) -> EventLine {
    let mut pdu = json!({
        "type": kind, "sender": "@a:x", "origin_server_ts": 1, "depth": 1,
        "prev_events": [], "auth_events": auth, "content": {},
    });
    if let Some(key) = key {
        pdu["state_key"] = key.into();
    }
    EventLine {
        room_id: owned_room_id!("!r:x"),
        event_id: id.try_into().unwrap(),
        outlier: false,
        rejected: false,
        soft_failed: false,
        redacted_by: None,
        ts: None,
        pdu: to_raw_value(&pdu).unwrap(),
    }
}

fn room(join: JoinPoint) -> OpenRoom {
    let create = ("m.room.create".to_owned(), String::new());
    let opening = Opening {
        room_id: owned_room_id!("!r:x"),
        version: RoomVersionId::V10,
        joiner: owned_user_id!("@a:x"),
        join,
        forward_extremities: Vec::new(),
        current_state: StateMap::from([(create, owned_event_id!("$create"))]),
        snapshots: vec![
            (owned_event_id!("$answer"), vec![owned_event_id!("$create")]),
            (
                owned_event_id!("$late"),
                vec![owned_event_id!("$create"), owned_event_id!("$topic")],
            ),
        ],
    };
    let lines = [
        EventLine {
            outlier: true,
            ..line("$topic", "m.room.topic", Some(""), &[])
        },
        line("$create", "m.room.create", Some(""), &[]),
        line("$join", "m.room.member", Some("@a:x"), &["$create"]),
        line(
            "$power",
            "m.room.power_levels",
            Some(""),
            &["$create", "$gone", "$join"],
        ),
        line("$text", "m.room.message", None, &["$power", "$join"]),
        EventLine {
            outlier: true,
            ..line("$invite", "m.room.member", Some("@b:x"), &[])
        },
        line(
            "$answer",
            "m.room.member",
            Some("@b:x"),
            &["$create", "$invite"],
        ),
        line("$late", "m.room.name", Some(""), &[]),
        line("$last", "m.room.message", None, &[]),
    ];
    let dir = tempfile::tempdir().unwrap();
    OpenRoom::new(opening, lines.map(Ok), dir.path()).unwrap().0
}

#[test]
fn an_absent_event_does_not_cut_an_auth_chain() {
    let room = room(JoinPoint::Current);
    let chain = room.auth_chain([&owned_event_id!("$text")]);
    for id in ["$power", "$join", "$create", "$gone"] {
        assert!(chain.iter().any(|there| there == id), "{id} in {chain:?}");
    }
    assert_eq!(room.pdus(&chain).unwrap().len(), 3);
}

#[test]
fn the_state_is_that_before_or_after_an_event() {
    let room = room(JoinPoint::Current);
    assert_eq!(
        room.state_before(&owned_event_id!("$power")).unwrap().len(),
        2
    );
    assert_eq!(
        room.state_after(&owned_event_id!("$power")).unwrap().len(),
        3
    );
    assert!(room.state_before(&owned_event_id!("$unknown")).is_none());
}

#[test]
fn a_state_that_the_bundle_knows_replaces_what_came_before() {
    let room = room(JoinPoint::Current);
    let kinds = |state: StateMap| -> Vec<_> { state.into_keys().map(|(kind, _)| kind).collect() };
    let before = |id: &str| {
        kinds(
            room.state_before(&OwnedEventId::try_from(id).unwrap())
                .unwrap(),
        )
    };
    assert_eq!(
        before("$text"),
        ["m.room.create", "m.room.member", "m.room.power_levels"]
    );
    assert_eq!(before("$late"), ["m.room.create", "m.room.topic"]);
    assert_eq!(
        before("$last"),
        ["m.room.create", "m.room.name", "m.room.topic"]
    );
    let after = room.state_after(&owned_event_id!("$late")).unwrap();
    assert_eq!(kinds(after), before("$last"));
}

#[test]
fn what_a_join_answers_is_in_the_state_before_it() {
    let room = room(JoinPoint::Current);
    let pair = ("m.room.member".to_owned(), "@b:x".to_owned());
    let before = room.state_before(&owned_event_id!("$answer")).unwrap();
    assert_eq!(before.get(&pair), Some(&owned_event_id!("$invite")));
    let after = room.state_after(&owned_event_id!("$answer")).unwrap();
    assert_eq!(after.get(&pair), Some(&owned_event_id!("$answer")));
}

#[test]
fn a_template_names_where_it_joins_and_what_allows_it() {
    let at = |join| {
        room(join)
            .join_template(&owned_user_id!("@a:x"), "x:1", 5)
            .unwrap()
    };
    let create = at(JoinPoint::Create {
        event_id: owned_event_id!("$create"),
    });
    assert_eq!(create["prev_events"], json!(["$create"]));
    assert_eq!(create["auth_events"], json!(["$create"]));
    let later = at(JoinPoint::AfterJoin {
        event_id: owned_event_id!("$power"),
    });
    assert_eq!(later["prev_events"], json!(["$power"]));
    assert_eq!(later["auth_events"], json!(["$power", "$join", "$create"]));
    assert_eq!(at(JoinPoint::Current)["prev_events"], json!(["$last"]));
}

#[test]
fn in_the_first_versions_a_template_names_events_with_their_hashes() {
    let mut room = room(JoinPoint::Current);
    room.version = RoomVersionId::V2;
    room.forward_extremities = vec![owned_event_id!("$join")];
    let template = room
        .join_template(&owned_user_id!("@b:y"), "x:1", 5)
        .unwrap();
    let hash = pdu::reference_hash(
        &room.pdu(&owned_event_id!("$join")).unwrap().unwrap(),
        &RoomVersionId::V2,
    )
    .unwrap();
    assert_eq!(
        template["prev_events"],
        json!([["$join", { "sha256": hash }]])
    );
    assert_eq!(template["auth_events"][0][0], "$create");
}
