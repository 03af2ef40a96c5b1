//! A small room, equal and different in each way.

use ruma::{owned_event_id, owned_room_id, user_id};

use super::*;
use crate::migration::plan::RoomAction;

fn plan() -> RoomPlan {
    RoomPlan {
        room_id: owned_room_id!("!r:x"),
        name: "Room".to_owned(),
        version: None,
        events: 3,
        members: 1,
        action: RoomAction::Skip {
            reason: String::new(),
        },
    }
}

fn state(json: serde_json::Value) -> Vec<StateEvent> {
    serde_json::from_value(json).unwrap()
}

fn expected() -> Expected {
    let mut expected = Expected {
        timeline: ["$1", "$2", "$3"].map(entry).into(),
        replay: true,
        ..Expected::default()
    };
    expected.take_state(source());
    expected
}

fn source() -> Vec<StateEvent> {
    state(serde_json::json!([
        {"type": "m.room.member", "state_key": "@a:x", "event_id": "$m", "content": {"membership": "join", "displayname": "A"}},
        {"type": "m.room.member", "state_key": "@b:x", "event_id": "$n", "content": {"membership": "ban", "displayname": 5}},
        {"type": "m.room.topic", "state_key": "", "event_id": "$t", "content": {"topic": "T"}},
    ]))
}

fn found(ids: &[&str]) -> Found {
    Found {
        state: source(),
        timeline: ids.iter().map(|id| entry(id)).collect(),
        seen_by_others: Vec::new(),
    }
}

fn entry(id: &str) -> TimelineEntry {
    TimelineEntry {
        event_id: id.try_into().unwrap(),
        kind: "m.room.message".to_owned(),
        content: [0; 32],
    }
}

fn compared(found: &Found) -> RoomVerification {
    room(&plan(), user_id!("@a:x"), &expected(), found)
}

#[test]
fn an_equal_room_is_good_also_with_the_new_join_event_between() {
    let room = compared(&found(&["$1", "$new", "$2", "$3"]));
    assert!(room.is_good(), "{room:?}");
    assert_eq!(
        (room.members.equal, room.state.equal, room.timeline.equal),
        (2, 1, 3)
    );
    assert_eq!(room.added, 1);
}

#[test]
fn what_is_missing_different_or_added_is_named() {
    let mut there = found(&["$1", "$3"]);
    there.state = state(serde_json::json!([
        {"type": "m.room.member", "state_key": "@a:x", "event_id": "$m", "content": {"membership": "leave"}},
        {"type": "m.room.member", "state_key": "@c:x", "event_id": "$o", "content": {"membership": "join"}},
        {"type": "m.room.topic", "state_key": "", "event_id": "$other"},
    ]));
    let room = compared(&there);
    insta::assert_json_snapshot!((room.members.differences, room.state.differences, room.timeline.differences), @r#"
    [
      [
        "@a:x is leave instead of join",
        "@b:x is nothing instead of ban",
        "@c:x is join, but is not in the source"
      ],
      [
        "m.room.topic is $other instead of $t"
      ],
      [
        "$2 (m.room.message) is missing"
      ]
    ]
    "#);
}

#[test]
fn another_content_is_seen() {
    let mut there = found(&["$1", "$2", "$3"]);
    there.timeline[1].content = [1; 32];
    let room = compared(&there);
    assert_eq!(
        room.timeline.differences,
        ["$2 (m.room.message) has another content"]
    );
    assert_eq!(room.timeline.equal, 2);
}

#[test]
fn what_cant_travel_with_its_content_is_empty_for_a_known_reason() {
    let mut want = expected();
    want.edges = [(owned_event_id!("$2"), Edge::Empty)].into();
    let mut there = found(&["$1", "$2", "$3"]);
    there.timeline[1].content = [1; 32];
    let verdict = room(&plan(), user_id!("@a:x"), &want, &there);
    insta::assert_snapshot!(verdict.timeline.known.join(" "), @"$2 (m.room.message) has no content here: it has fractions or numbers beyond 53 bits, which no server can send");
    assert!(verdict.is_good());
    // With a content it would be the source's event after all.
    there.timeline.remove(1);
    assert!(!room(&plan(), user_id!("@a:x"), &want, &there).is_good());
}

#[test]
fn another_order_and_a_doubled_event_are_seen() {
    assert_eq!(
        compared(&found(&["$1", "$3", "$2"])).same_order,
        Some(false)
    );
    assert_eq!(
        compared(&found(&["$1", "$2", "$2", "$3"])).same_order,
        Some(false)
    );
}

#[test]
fn an_event_that_claims_to_be_older_than_the_room_stands_first() {
    let mut want = expected();
    want.edges = [(owned_event_id!("$2"), Edge::First)].into();
    let verdict = room(
        &plan(),
        user_id!("@a:x"),
        &want,
        &found(&["$2", "$1", "$3"]),
    );
    assert!(verdict.is_good());
    insta::assert_snapshot!(verdict.timeline.known.join(" "), @"$2 (m.room.message) claims to be older than the room: the target shows it first");
    let verdict = room(
        &plan(),
        user_id!("@a:x"),
        &want,
        &found(&["$2", "$3", "$1"]),
    );
    assert_eq!(verdict.same_order, Some(false));
}

#[test]
fn what_was_brought_in_from_a_fork_stands_before_all_others() {
    let mut want = expected();
    want.beside = vec![false, true, true];
    let verdict = room(
        &plan(),
        user_id!("@a:x"),
        &want,
        &found(&["$2", "$1", "$3"]),
    );
    assert!(verdict.is_good());
    insta::assert_snapshot!(verdict.timeline.known.join(" "), @"$2 (m.room.message) is on a fork or behind one and was refused in its place: it stands before the room's first event");
    // Elsewhere, and on no fork, it would be out of order.
    let order = |beside: [bool; 3], ids: &[&str]| {
        let mut want = expected();
        want.beside = beside.into();
        let verdict = room(&plan(), user_id!("@a:x"), &want, &found(ids));
        (verdict.same_order, verdict.timeline.known.len())
    };
    assert_eq!(order([false; 3], &["$2", "$1", "$3"]), (Some(false), 0));
    assert_eq!(
        order([false, true, true], &["$1", "$3", "$2"]),
        (Some(false), 0)
    );
    // A reader who sees only the end sees it in its place.
    assert_eq!(order([false, true, true], &["$2", "$3"]), (Some(true), 0));
}

#[test]
fn the_joiners_own_name_in_the_room_is_a_known_edge() {
    let mut there = found(&["$1", "$2", "$3"]);
    there.state[0].content.displayname = Some("Global".to_owned());
    let room = compared(&there);
    assert!(room.is_good());
    assert_eq!(room.members.known.len(), 1);
}

#[test]
fn known_edges_are_told_and_no_difference() {
    let mut want = expected();
    want.edges = [(owned_event_id!("$1"), Edge::InTheJoin)].into();
    want.timeline[0].kind = "m.room.create".to_owned();
    want.timeline[1].kind = "org.matrix.dummy_event".to_owned();
    let room = room(&plan(), user_id!("@a:x"), &want, &found(&["$3"]));
    assert!(room.is_good());
    assert_eq!(room.timeline.known.len(), 2);
    assert_eq!(room.timeline.equal, 1);
}
