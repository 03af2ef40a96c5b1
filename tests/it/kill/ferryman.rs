//! Ferryman is killed: five times at chosen moments, and twenty times at random ones.

use std::time::Duration;

use ferryman::demo::stage::Stage;
use rand::Rng;

use super::{EVENTS, WORK, ask, no_room_was_joined_twice, start, wait_for};
use crate::{
    journey::{assert_good, export, job},
    targets::tuwunel_or_skip,
};

/// The moments: how many entries of a step are done, or how many events are through.
const MOMENTS: [(&str, &str, u64); 5] = [
    (
        "accounts",
        "select count(*) from step where step = 'account' and outcome = 'done'",
        4,
    ),
    (
        "profiles",
        "select count(*) from step where step = 'profile' and outcome = 'done'",
        3,
    ),
    (
        "a join",
        "select count(*) from step where step = 'join' and outcome = 'begun'",
        1,
    ),
    ("the first events", EVENTS, 60),
    ("later events", EVENTS, 300),
];

/// Kills at random moments.
const RANDOM: u64 = 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_that_is_killed_ends_the_same() {
    if !tuwunel_or_skip("kill -9") {
        return;
    }
    let stage = Stage::set(true).await.unwrap();
    export(&stage.engine()).await;
    for (moment, question, enough) in MOMENTS {
        kill_at(&stage, moment, question, enough).await;
    }
    ends_well(&stage).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_that_is_killed_twenty_times_ends_the_same() {
    if !tuwunel_or_skip("kill -9 at random moments") {
        return;
    }
    let stage = Stage::set(true).await.unwrap();
    let engine = stage.engine();
    export(&engine).await;
    let plan = engine.plan(None, None).await.unwrap();
    assert!(plan.rooms.len() >= 10, "{}", plan.rooms.len());
    // What is sure to be done once: each account and profile, each room's join, opening and end, and each event.
    let all = plan.users.len() + 3 * plan.rooms.len();
    let all = all as u64 + plan.rooms.iter().map(|room| room.events).sum::<u64>();
    let data = &stage.installation.config.data_dir;
    for kill in 1..=RANDOM {
        let before = ask(data, WORK).unwrap_or_default();
        let share = all.saturating_sub(before) / (RANDOM + 2 - kill);
        let moment = before + rand::rng().random_range(1..=share.max(1) * 3 / 2);
        let pause = Duration::from_micros(rand::rng().random_range(0..20_000));
        kill_later(&stage, moment, pause).await;
    }
    ends_well(&stage).await;
}

async fn kill_at(stage: &Stage, moment: &str, question: &str, enough: u64) {
    let mut child = start(&stage.installation.file);
    let data = &stage.installation.config.data_dir;
    let reached = wait_for(&mut child, data, question, enough).await;
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(reached, "the import ended before {moment}");
}

async fn kill_later(stage: &Stage, moment: u64, pause: Duration) {
    let mut child = start(&stage.installation.file);
    let data = &stage.installation.config.data_dir;
    let reached = wait_for(&mut child, data, WORK, moment).await;
    tokio::time::sleep(pause).await;
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(reached, "the import ended before {moment} things were done");
}

/// One more import ends, and everything is there once.
async fn ends_well(stage: &Stage) {
    let status = start(&stage.installation.file).wait().unwrap();
    assert!(status.success(), "{status}");
    assert_good(&stage.engine().verify(&job(), None).await.unwrap());
    no_room_was_joined_twice(stage).await;
}
