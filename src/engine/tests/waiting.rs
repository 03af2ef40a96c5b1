//! Who waits for a room or for somebody's identity gets that, and nothing else.

use super::{
    fake_target::Lie,
    faults::good,
    sample::{self, ANNA, BEN},
    stage::{Source, Stage},
};
use crate::migration::again::Things;

const HARBOUR: &str = "!harbour:ferry.test";
const CREW: &str = "!crew:ferry.test";

/// A part of Ben's identity is there already, so that the rest of it fails.
async fn with_a_part_of_bens_identity(source: &Source) -> Stage {
    let stage = Stage::new(source);
    stage.import().await;
    let mut keys = stage.world().encryption.keys[BEN].clone();
    keys.remove("user_signing_key");
    let stage = Stage::new(source);
    stage.world().encryption.keys.insert(BEN.to_owned(), keys);
    stage
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_for_an_identity_gets_nothing_else() {
    let source = Source::new();
    let stage = with_a_part_of_bens_identity(&source).await;
    stage.world().settings.refused.push("m.direct");
    stage.import().await;
    {
        let mut world = stage.world();
        world.encryption.keys.remove(BEN);
        world.settings.refused.clear();
        world.changes.clear();
    }
    let Things {
        readers, signers, ..
    } = stage.again(&["ben"]).await.unwrap().things;
    assert_eq!((readers.len(), signers.len()), (0, 1));
    let (retried, _) = stage.retry(&["ben"]).await.unwrap();
    assert_eq!(retried.left, []);
    for change in stage.world().changes.clone() {
        assert!(!change.contains(ANNA), "{change}");
    }
    let master = stage.world().encryption.keys[BEN]["master_key"].clone();
    assert!(master["signatures"][ANNA].is_object(), "{master}");
    // Her own failure is still to be mended.
    let (retried, _) = stage.retry(&[]).await.unwrap();
    assert_eq!((retried.mended.len(), retried.left.len()), (1, 0));
    let (summary, _) = stage.import().await;
    assert_eq!(stage.end(summary), good(&source).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_for_two_rooms_gets_what_waits_for_the_one_that_comes() {
    let mut rooms = sample::rooms();
    let crew = rooms.iter_mut().find(|room| room.room_id == CREW).unwrap();
    crew.is_read = true;
    let lost = crew.last().to_string();
    let source = Source::of(rooms);
    let stage = Stage::new(&source);
    {
        let mut world = stage.world();
        world.refused_joins.insert(HARBOUR.to_owned());
        world.refused_events.insert(lost);
    }
    let (summary, _) = stage.import().await;
    assert_eq!(summary.rooms_failed, 2);
    {
        let mut world = stage.world();
        world.refused_joins.clear();
        world.changes.clear();
    }
    let readers = stage.again(&[HARBOUR]).await.unwrap().things.readers;
    assert_eq!(readers.len(), 2);
    let (retried, _) = stage.retry(&[HARBOUR]).await.unwrap();
    assert_eq!(retried.left, []);
    for change in stage.world().changes.clone() {
        let is_of_a_user = change.contains("/user/") || change.contains("/receipt/");
        assert!(!is_of_a_user || change.contains(HARBOUR), "{change}");
    }
    // For the other one she still waits.
    let readers = stage.again(&[CREW]).await.unwrap().things.readers;
    assert!(readers.iter().eq([ANNA]), "{readers:?}");
    stage.world().refused_events.clear();
    let (retried, _) = stage.retry(&[]).await.unwrap();
    assert_eq!(retried.left, []);
    let (summary, _) = stage.import().await;
    assert_eq!(stage.end(summary), good(&source).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn signatures_that_nobody_can_make_any_more_are_settled() {
    let source = Source::new();
    let stage = Stage::new(&source);
    stage.world().lies.insert(Lie::NoSignatures);
    let (summary, _) = stage.import().await;
    assert_eq!(summary.problems.len(), 1);
    stage.world().lies.clear();
    // She has set up encryption anew since.
    let own = |kind: &str| {
        let key = serde_json::json!({ "keys": { "ed25519:own": "own" } });
        (kind.to_owned(), key)
    };
    let keys = ["master_key", "self_signing_key", "user_signing_key"].map(own);
    stage
        .world()
        .encryption
        .keys
        .insert(ANNA.to_owned(), keys.into());
    let (retried, _) = stage.retry(&["anna"]).await.unwrap();
    assert_eq!((retried.mended.len(), retried.left.len()), (1, 0));
    assert!(stage.again(&[]).await.unwrap().things.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn signatures_wait_for_an_identity_that_fails_once_more() {
    let source = Source::new();
    let stage = Stage::new(&source);
    stage.world().lies.insert(Lie::NoSignatures);
    stage.import().await;
    {
        let mut world = stage.world();
        world.lies.clear();
        let keys = world.encryption.keys.get_mut(BEN).unwrap();
        keys.remove("user_signing_key");
    }
    stage.retry(&["ben"]).await.unwrap();
    stage.retry(&["anna"]).await.unwrap();
    // Only Ben has failed; she waits for him.
    let things = stage.again(&[]).await.unwrap().things;
    assert!(things.has_user(BEN.try_into().unwrap()) && !things.has_user(ANNA.try_into().unwrap()));
    assert!(things.has_signer(ANNA.try_into().unwrap()));
    stage.world().encryption.keys.remove(BEN);
    let (retried, _) = stage.retry(&[]).await.unwrap();
    assert_eq!(retried.left, []);
    assert!(stage.again(&[]).await.unwrap().things.is_empty());
    let verification = stage.verify().await;
    assert!(verification.is_good(), "{verification:#?}");
}
