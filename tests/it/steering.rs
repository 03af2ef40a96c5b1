//! A job that runs in one process is steered by another.

use std::{
    process::{Child, Output, Stdio},
    time::{Duration, Instant},
};

use ferryman::demo::stage::Stage;
use rusqlite::Connection;

use crate::{
    installed::ferryman,
    targets::{Target, each_target},
};

fn said(stage: &Stage, words: &[&str]) -> (i32, String) {
    let Output { status, stdout, .. } = ferryman(stage, words).output().unwrap();
    (status.code().unwrap(), String::from_utf8(stdout).unwrap())
}

/// Steps of the import that are done.
fn done(stage: &Stage) -> i64 {
    let path = stage
        .installation
        .config
        .data_dir
        .join("ledger/ledger.sqlite");
    let Ok(ledger) = Connection::open(path) else {
        return 0;
    };
    let count = "select count(*) from step where outcome = 'done'";
    ledger.query_row(count, [], |row| row.get(0)).unwrap_or(0)
}

async fn import(stage: &Stage) -> Child {
    let child = ferryman(stage, &["import"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let start = Instant::now();
    while done(stage) < 8 {
        assert!(start.elapsed() < Duration::from_mins(1), "it does nothing");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    child
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_process_pauses_and_cancels_a_job() {
    each_target("steering", async |target| {
        let stage = Stage::set(target == Target::Tuwunel).await.unwrap();
        assert_eq!(
            said(&stage, &["cancel"]),
            (8, "No job is running.\n".to_owned())
        );
        assert_eq!(said(&stage, &["export", "--act-as-users"]).0, 0);

        let mut child = import(&stage).await;
        let (code, text) = said(&stage, &["pause"]);
        assert!(
            code == 0 && text.contains("waits after its current step"),
            "{text}"
        );
        // Steps that were under way come to their end.
        tokio::time::sleep(Duration::from_secs(3)).await;
        let paused = done(&stage);
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_eq!(done(&stage), paused, "it goes on");
        assert!(child.try_wait().unwrap().is_none());

        let (code, text) = said(&stage, &["export"]);
        assert_eq!((code, text.as_str()), (9, ""));
        // Whoever only looks is not kept waiting.
        let (code, text) = said(&stage, &["user", "bob"]);
        assert!(code == 0 && text.contains("@bob:"), "{text}");
        assert_eq!(said(&stage, &["resume"]).0, 0);
        let start = Instant::now();
        while done(&stage) == paused {
            assert!(start.elapsed() < Duration::from_mins(1), "it stays paused");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(said(&stage, &["cancel"]).0, 0);
        assert_eq!(child.wait().unwrap().code(), Some(10));

        let (code, text) = said(&stage, &["import"]);
        assert_eq!(code, 0, "{text}");
        assert_eq!(said(&stage, &["verify"]).0, 0);
        let (_, audit) = said(&stage, &["audit"]);
        for order in [
            "stopped after",
            "another job is running (import, ordered by the shell)",
            "pause",
            "resume",
            "done after",
        ] {
            assert!(audit.contains(order), "{order} is not in {audit}");
        }
    })
    .await;
}
