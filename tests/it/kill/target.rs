//! The target is killed in the middle of an import and started again: the import waits for it, and goes on.

use ferryman::demo::stage::Stage;

use super::{EVENTS, JOINS, no_room_was_joined_twice, start, wait_for};
use crate::{
    journey::{assert_good, export, job},
    targets::tuwunel_or_skip,
};

/// The moments at which it goes away.
const MOMENTS: [(&str, &str, u64); 4] = [
    ("a join", JOINS, 2),
    ("the first events", EVENTS, 50),
    ("some events", EVENTS, 200),
    ("later events", EVENTS, 400),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_that_is_restarted_is_waited_for() {
    if !tuwunel_or_skip("a restarted target") {
        return;
    }
    let mut stage = Stage::set(true).await.unwrap();
    export(&stage.engine()).await;
    let data = stage.installation.config.data_dir.clone();
    let mut child = start(&stage.installation.file);
    for (moment, question, enough) in MOMENTS {
        let reached = wait_for(&mut child, &data, question, enough).await;
        assert!(reached, "the import ended before {moment}");
        stage.target.server().kill();
        stage.target.server().start().await.unwrap();
    }
    let status = child.wait().unwrap();
    assert!(status.success(), "{status}");
    assert_good(&stage.engine().verify(&job(), None).await.unwrap());
    no_room_was_joined_twice(&stage).await;
}
