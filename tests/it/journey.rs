//! The journey without the room: export, plan, import, verify, on each target of this machine.

use std::collections::BTreeMap;

use ferryman::{
    demo::{ordinary, stage::Stage},
    engine::{Engine, ExportOptions},
    job::Job,
    lab::{client::Client, fill::ODD},
    migration::{
        outcome::{RoomVerification, Verification},
        plan::RoomAction,
    },
    report::{self, page::page},
};

use crate::{
    conformance,
    targets::{Target, each_target},
};

/// A job that nobody watches.
pub(crate) fn job() -> Job {
    Job::new().0
}

/// Exports the stage's source and gives the bundle.
pub(crate) async fn export(engine: &Engine) -> std::path::PathBuf {
    let summary = engine
        .export(&job(), &ExportOptions::default(), Box::new(page))
        .await
        .unwrap();
    assert!(summary.problems.is_empty(), "{:?}", summary.problems);
    summary.bundle
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_arrives() {
    each_target("journey", async |target| {
        let stage = Stage::set(target == Target::Tuwunel).await.unwrap();
        let engine = stage.engine();
        let summary = engine
            .export(&job(), &ExportOptions::default(), Box::new(page))
            .await
            .unwrap();
        let counts = stage.filled.counts;
        assert_eq!(summary.problems, []);
        assert_eq!(summary.users, counts.users as u64);
        assert_eq!(summary.rooms, counts.rooms as u64);
        assert_eq!(summary.events, counts.events as u64);

        let plan = engine.plan(None, None).await.unwrap();
        let skipped: Vec<_> = plan
            .rooms
            .iter()
            .filter(|room| matches!(room.action, RoomAction::Skip { .. }))
            .collect();
        assert!(skipped.is_empty(), "{skipped:?}");

        let imported = engine.import(&job(), None, None).await.unwrap();
        conformance::closes(stage.names.resident_port).await;
        assert_eq!(imported.rooms_carried, counts.rooms as u64, "{imported:?}");
        assert_eq!(imported.problems, []);
        assert_eq!(
            imported.remote_joins, imported.rooms_carried,
            "one remote join per room"
        );
        assert_eq!(
            imported.accounts_adopted.len(),
            1,
            "the operator is adopted: {imported:?}"
        );
        let accounts = stage.filled.things.accounts.values();
        let shut_out = accounts.filter(|account| account.is_shut_out()).count();
        assert_eq!(imported.accounts_reserved, shut_out as u64);

        let verification = engine.verify(&job(), None).await.unwrap();
        assert_good(&verification);
        if target == Target::Tuwunel {
            assert!(
                verification
                    .rooms
                    .iter()
                    .all(|room| room.same_order == Some(true))
            );
        }
        for user in ["bob", "grace", ODD] {
            let (line, same) = ordinary::look(&stage, user).await.unwrap();
            assert!(same, "{line}");
        }
        again_changes_nothing(&engine, &verification).await;
    })
    .await;
}

/// A second import of the same bundle asks for no join and sends nothing.
async fn again_changes_nothing(engine: &Engine, before: &Verification) {
    let again = engine.import(&job(), None, None).await.unwrap();
    assert_eq!(again.remote_joins, 0);
    assert_eq!(again.problems, []);
    let after = engine.verify(&job(), None).await.unwrap();
    assert_eq!(after.rooms, before.rooms);
}

/// Every comparison is without differences; if not, all of them are shown.
pub(crate) fn assert_good(verification: &Verification) {
    let bad: BTreeMap<&str, &RoomVerification> = verification
        .rooms
        .iter()
        .filter(|room| !room.is_good())
        .map(|room| (room.name.as_str(), room))
        .collect();
    assert!(
        verification.is_good(),
        "rooms: {bad:#?}\n{}",
        report::verification::full(verification)
    );
}

/// Somebody of the target, with the password of the newest list.
pub(crate) async fn on_the_target(stage: &Stage, name: &str) -> Client {
    let passwords = stage.installation.config.data_dir.join("passwords");
    let id = format!("@{name}:{},", stage.names.server_name);
    let files = std::fs::read_dir(&passwords).unwrap();
    let texts = files.map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap());
    let lines: Vec<_> = texts
        .flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>())
        .collect();
    let password = lines
        .iter()
        .find_map(|line| line.strip_prefix(&id))
        .unwrap();
    stage
        .target
        .anonymous()
        .login(name, password)
        .await
        .unwrap()
}
