//! A target that answers 200 and does something else: what it has is read, and what is missing is told.

use super::{
    fake_target::Lie,
    stage::{Source, Stage},
};
use crate::{engine::Asked, job::Job, migration::outcome::ImportSummary, report};

/// What is told of an import by a target that lies so; once it tells the truth, another import makes it good.
async fn told(lie: Lie) -> String {
    let source = Source::new();
    let stage = Stage::new(&source);
    let asked = Asked {
        admins: true,
        ..Asked::default()
    };
    stage.world().lies.insert(lie);
    let lines = lines(&stage.import_as(asked.clone()).await);
    stage.world().lies.clear();
    let summary = stage.import_as(asked).await;
    assert_eq!(summary.problems, []);
    assert!(stage.verify().await.is_good());
    lines
}

fn lines(summary: &ImportSummary) -> String {
    let problems = summary.problems.iter();
    let lines = problems.map(|it| format!("{} of {}: {}", it.step, it.subject, it.reason));
    lines.collect::<Vec<_>>().join("\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_read_back() {
    insta::assert_snapshot!(told(Lie::OtherKeys).await, @r"
    encryption identity of @anna:ferry.test: the target took the cross-signing keys, but shows others: look at its log
    encryption identity of @ben:ferry.test: the target took the cross-signing keys, but shows others: look at its log
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn signatures_are_read_back() {
    insta::assert_snapshot!(told(Lie::NoSignatures).await, @"verified people of @anna:ferry.test: the target does not keep that they have verified @ben:ferry.test: import again, or tell them to verify each other again");
}

#[tokio::test(flavor = "multi_thread")]
async fn room_keys_are_counted() {
    insta::assert_snapshot!(told(Lie::FewRoomKeys).await, @r"
    key backup of @anna:ferry.test 1: the target took 1 room keys, but has 0: look at its log and import again
    key backup of @ben:ferry.test 1: the target took 1 room keys, but has 0: look at its log and import again
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn admins_are_looked_for() {
    insta::assert_snapshot!(told(Lie::NoAdmins).await, @"admin rights of @anna:ferry.test: the target does not make them an admin: @anna:ferry.test has been granted admin privileges.");
}

#[tokio::test(flavor = "multi_thread")]
async fn state_is_asked_for_piece_by_piece() {
    let source = Source::new();
    let stage = Stage::new(&source);
    stage.import().await;
    let member = "m.room.member".to_owned();
    let lost = (member, "@anna:ferry.test".to_owned());
    stage.world().lost_state.insert(lost);
    let visit = stage.target.visit(None).await;
    let (engine, job) = (stage.engine(&visit.url), Job::new().0);
    let bundle = || Some(stage.bundle.clone());
    let usual = engine.verify_as(&job, bundle(), false).await.unwrap();
    assert!(usual.is_good());
    let deep = engine.verify_as(&job, bundle(), true).await.unwrap();
    insta::assert_snapshot!(report::verification::short(&deep), @r"
    **4 differences found: 0 of 4 rooms are the same on Tuwunel 1.4.6.**

    - bundle: `bundle`
    - accounts: 4 of 4 equal
    - aliases: 2 of 2 equal
    - memberships: 9 of 9 equal
    - state events: 11 of 11 equal
    - state by its key: 16 of 20 equal
    - timeline events: 42 of 43 equal
    - account data: 6 of 6 equal
    - push rules: 8 of 8 equal
    - receipts: 5 of 6 equal
    - old signing keys: 1 of 1 published
    - encryption identities: 2 of 2 equal
    - room keys in backups: 4 of 4 equal
    - media: 3 of 3 equal
    - 7 events are only on the target: one new join in each room, and what was mended or said since
    - 3 things are different for a known reason, listed in the report

    What differs:

    - \#harbour:ferry.test (`!harbour:ferry.test`), state by its key: m.room.member of @anna:ferry.test is listed, but not found by its type and state key
    - \#island:ferry.test (`!iMrX2cfqbiOKzws0_l60UAxp60kIIrLCuOUvopcLyyQ`), state by its key: m.room.member of @anna:ferry.test is listed, but not found by its type and state key
    - `!crew:ferry.test`, state by its key: m.room.member of @anna:ferry.test is listed, but not found by its type and state key
    - `!fog:ferry.test`, state by its key: m.room.member of @anna:ferry.test is listed, but not found by its type and state key
    ");
}
