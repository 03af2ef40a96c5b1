//! Every kind of room of a real Synapse, carried into a real Tuwunel: what comes over, and why the rest doesn't.

use std::collections::BTreeMap;

use ferryman::{
    demo::{ordinary, stage::Stage},
    engine::ExportOptions,
    migration::{
        outcome::Verification,
        plan::{JoinPoint, Plan, RoomAction},
    },
    report::page::page,
};

use crate::{
    journey::{assert_good, job},
    pending,
    targets::tuwunel_or_skip,
};

/// The lab's rooms that stay behind, each with a word of the reason.
const STAY: [(&str, &str); 3] = [
    ("version_1", "does not take room version 1"),
    // This Tuwunel, at least.
    ("unanswered", "shows nobody their own knock"),
    ("deserted", "no local user is joined"),
];
/// The one room that nobody is in, but to which somebody is invited.
const STOOD_UP: &str = "stood_up";
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

    let plan = engine.plan(None, None).await.unwrap();
    assert_eq!(plan.rooms.len(), 49);
    for (key, joiner, place) in JOINED {
        let (by, at) = joins(&plan, stage.filled.room(key));
        let by = by.trim_start_matches('@').split(':').next().unwrap();
        assert_eq!((by, at), (joiner, place), "{key}");
    }
    let imported = engine.import(&job(), None, None).await.unwrap();
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
    assert_eq!(imported.rooms_pending, 1);
    assert_eq!(
        imported.rooms_carried,
        (plan.rooms.len() - STAY.len() - 1) as u64
    );
    assert_eq!(imported.remote_joins, imported.rooms_carried);

    let verification = engine.verify(&job(), None).await.unwrap();
    assert_good(&verification);
    only_known_differences(&verification, &stage);

    let heidi = ordinary::log_in(&stage, "heidi").await.unwrap();
    let door = stage.filled.room(STOOD_UP);
    let since = pending::is_as_on_synapse(&stage, &heidi, "", door).await;
    // As it is, and as if it had been killed before it could note that the invite is there.
    for interrupted in [false, true] {
        if interrupted {
            assert_eq!(pending::forget(&stage, door), 2);
        }
        let again = engine.import(&job(), None, None).await.unwrap();
        assert_eq!((again.remote_joins, again.rooms_pending), (0, 1));
        assert_eq!(again.problems, []);
        let later = pending::sync(&heidi, "", door, Some(&since)).await;
        assert!(later["rooms"]["invite"][door].is_null(), "{later:#}");
    }
    // None is left of the devices that looked for her.
    let devices = heidi.get("/_matrix/client/v3/devices").await.unwrap();
    assert_eq!(
        devices["devices"].as_array().unwrap().len(),
        1,
        "{devices:#}"
    );
    pending::come_from_other_servers(&stage).await;
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
        JoinPoint::Recent { .. } => "late",
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
        if room.room_id == stage.filled.room(STOOD_UP) {
            // Create event, join rule, name and inviter.
            assert_eq!((room.members.equal, room.state.equal), (1, 4), "{room:?}");
            assert_eq!((room.timeline.expected, room.same_order), (0, None));
        } else if room.skipped.is_none() {
            assert_eq!(room.same_order, Some(true), "{room:?}");
            assert!(
                room.timeline.expected - room.timeline.equal <= known.len() as u64,
                "{room:?}"
            );
        }
    }
}
