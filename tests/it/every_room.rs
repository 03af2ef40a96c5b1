//! Every kind of room of a real Synapse, carried into a real Tuwunel: what comes over, and why the rest doesn't.

use std::collections::BTreeMap;

use ferryman::{
    demo::stage::Stage,
    engine::ExportOptions,
    migration::{
        outcome::Verification,
        plan::{JoinPoint, Plan, RoomAction},
    },
    report::page::page,
};

use crate::{
    journey::{assert_good, job},
    targets::tuwunel_or_skip,
};

/// The lab's rooms that stay behind, each with a word of the reason.
const STAY: [(&str, &str); 4] = [
    ("version_1", "does not take room version 1"),
    ("stood_up", "only invited or have knocked"),
    ("unanswered", "only invited or have knocked"),
    ("deserted", "no local user is joined"),
];
/// Rooms that are joined in a way of their own: the joiner's name, and where.
const JOINED: [(&str, &str, &str); 7] = [
    ("lobby", "alice", "create"),
    ("orphan", "erin", "after a join"),
    ("orphaned", "grace", "after a join"),
    ("usurped", "judy", "after a join"),
    ("abdicated", "carol", "create"),
    ("returned", "heidi", "create"),
    ("purged", "erin", "oldest"),
];
/// What is different for a known reason: the room, and a part of the sentence.
const KNOWN: [(&str, &str); 6] = [
    ("babel", "version 12 create event"),
    ("council", "version 12 create event"),
    ("new_hall", "version 12 create event"),
    ("loose", "no content here"),
    ("bridged", "claims to be older than the room"),
    ("orphaned", "redacted and older than the join"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rooms_of_every_kind_arrive() {
    if !tuwunel_or_skip("every kind of room") {
        return;
    }
    let stage = Stage::set_wholly(true).await.unwrap();
    let engine = stage.engine();
    engine
        .export(&job(), &ExportOptions::default(), Box::new(page))
        .await
        .unwrap();

    let plan = engine.plan(None).await.unwrap();
    assert_eq!(plan.rooms.len(), 49);
    for (key, joiner, place) in JOINED {
        let (by, at) = joins(&plan, stage.filled.room(key));
        let by = by.trim_start_matches('@').split(':').next().unwrap();
        assert_eq!((by, at), (joiner, place), "{key}");
    }
    let imported = engine.import(&job(), None).await.unwrap();
    assert_eq!(imported.problems, []);
    let left: BTreeMap<_, _> = imported
        .rooms_skipped
        .iter()
        .map(|room| (room.room_id.as_str(), room.reason.as_str()))
        .collect();
    for (key, reason) in STAY {
        let said = left[stage.filled.room(key)];
        assert!(said.contains(reason), "{key}: {said}");
    }
    assert_eq!(left.len(), STAY.len(), "{left:?}");
    assert_eq!(
        imported.rooms_carried,
        (plan.rooms.len() - STAY.len()) as u64
    );
    assert_eq!(imported.remote_joins, imported.rooms_carried);

    let verification = engine.verify(&job(), None).await.unwrap();
    assert_good(&verification);
    only_known_differences(&verification, &stage);
}

/// Who joins a room, and where.
pub(crate) fn joins<'a>(plan: &'a Plan, room: &str) -> (&'a str, &'static str) {
    let room = plan.rooms.iter().find(|is| is.room_id == room).unwrap();
    let RoomAction::Carry { joiner, join } = &room.action else {
        panic!("{room:?}");
    };
    let place = match join {
        JoinPoint::Create { .. } => "create",
        JoinPoint::AfterJoin { .. } => "after a join",
        JoinPoint::Oldest { .. } => "oldest",
        JoinPoint::Current => "now",
    };
    (joiner.as_str(), place)
}

/// One in each of [`KNOWN`], and none elsewhere; all else of each timeline is there, in its order.
fn only_known_differences(verification: &Verification, stage: &Stage) {
    let mut expected = BTreeMap::new();
    for (key, words) in KNOWN {
        expected.insert(stage.filled.room(key), words);
    }
    for room in &verification.rooms {
        let known = &room.timeline.known;
        match expected.get(room.room_id.as_str()) {
            Some(words) => assert!(known.len() == 1 && known[0].contains(words), "{room:?}"),
            None => assert!(known.is_empty(), "{room:?}"),
        }
        if room.skipped.is_none() {
            assert_eq!(room.same_order, Some(true), "{room:?}");
            assert!(
                room.timeline.expected - room.timeline.equal <= known.len() as u64,
                "{room:?}"
            );
        }
    }
}
