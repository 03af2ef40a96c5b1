//! `kill -9` in the middle of an import, five times, and a restart each: the end is the same as without.

use std::{
    collections::BTreeSet,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use ferryman::{demo::stage::Stage, migration::plan::RoomAction};
use rusqlite::{Connection, OpenFlags};

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
    (
        "the first events",
        "select coalesce(sum(position), 0) from step where step = 'replay'",
        60,
    ),
    (
        "later events",
        "select coalesce(sum(position), 0) from step where step = 'replay'",
        300,
    ),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_that_is_killed_ends_the_same() {
    if !tuwunel_or_skip("kill -9") {
        return;
    }
    let stage = Stage::set(true).await.unwrap();
    let engine = stage.engine();
    export(&engine).await;
    let data = stage.installation.config.data_dir.clone();
    for (moment, question, enough) in MOMENTS {
        let mut child = start(&stage.installation.file);
        let reached = wait_for(&mut child, &data, question, enough).await;
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(reached, "the import ended before {moment}");
        eprintln!("killed at {moment}");
    }
    let status = start(&stage.installation.file).wait().unwrap();
    assert!(status.success(), "{status}");

    assert_good(&engine.verify(&job(), None).await.unwrap());
    no_room_was_joined_twice(&stage).await;
}

fn start(config: &Path) -> Child {
    Command::new(env!("CARGO_BIN_EXE_ferryman"))
        .arg("--config")
        .arg(config)
        .arg("import")
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

/// Polls the ledger from outside until the moment is there; false if the import ended before.
async fn wait_for(child: &mut Child, data: &Path, question: &str, enough: u64) -> bool {
    let ledger = data.join("ledger/ledger.sqlite");
    let start = Instant::now();
    while start.elapsed() < Duration::from_mins(2) {
        let count = Connection::open_with_flags(&ledger, OpenFlags::SQLITE_OPEN_READ_ONLY)
            .and_then(|ledger| ledger.query_row(question, [], |row| row.get::<_, u64>(0)));
        if count.is_ok_and(|count| count >= enough) {
            return true;
        }
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    panic!("the import did not get there in time");
}

/// Each room has exactly one event that the source doesn't have: the joiner's new join.
async fn no_room_was_joined_twice(stage: &Stage) {
    let plan = stage.engine().plan(None, None).await.unwrap();
    let target =
        ferryman::target::Target::new(&stage.installation.config, &stage.installation.tokens)
            .unwrap();
    let admin = stage.filled.admin();
    for room in &plan.rooms {
        let RoomAction::Carry { joiner, .. } = &room.action else {
            panic!("{room:?}");
        };
        let source: BTreeSet<String> = stage
            .source
            .timeline(admin, room.room_id.as_str())
            .await
            .unwrap()
            .iter()
            .filter_map(|event| event["event_id"].as_str().map(str::to_owned))
            .collect();
        let new: Vec<_> = target
            .timeline(joiner, &room.room_id, |event| event)
            .await
            .unwrap()
            .into_iter()
            .filter(|event| !source.contains(event.event_id.as_str()))
            .collect();
        assert_eq!(new.len(), 1, "{}: {new:?}", room.name);
        assert_eq!(new[0].state_key.as_deref(), Some(joiner.as_str()));
    }
}
