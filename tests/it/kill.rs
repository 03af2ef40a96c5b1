//! `kill -9` in the middle of an import: of Ferryman, and of the target. The end is the same as without.

mod ferryman;
mod target;

use std::{
    collections::BTreeSet,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use ::ferryman::{demo::stage::Stage, migration::plan::RoomAction, target::Target as TargetClient};
use rusqlite::{Connection, OpenFlags};

/// Events that are through.
const EVENTS: &str = "select coalesce(sum(position), 0) from step where step = 'replay'";
/// Joins that were begun, done or not.
const JOINS: &str = "select count(*) from step where step = 'join'";
/// Whatever an import does, each thing once.
const WORK: &str = "select count(*) + coalesce(sum(position), 0) from step";

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
    let start = Instant::now();
    while start.elapsed() < Duration::from_mins(2) {
        if ask(data, question).is_some_and(|count| count >= enough) {
            return true;
        }
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    panic!("the import did not get there in time");
}

/// A number from the ledger, if there is one.
fn ask(data: &Path, question: &str) -> Option<u64> {
    let ledger = data.join("ledger/ledger.sqlite");
    Connection::open_with_flags(&ledger, OpenFlags::SQLITE_OPEN_READ_ONLY)
        .and_then(|ledger| ledger.query_row(question, [], |row| row.get(0)))
        .ok()
}

/// Each room has exactly one event that the source doesn't have: the joiner's new join.
async fn no_room_was_joined_twice(stage: &Stage) {
    let plan = stage.engine().plan(None, None).await.unwrap();
    let target = TargetClient::new(&stage.installation.config, &stage.installation.tokens).unwrap();
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
