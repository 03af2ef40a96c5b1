//! A target that answers 200 and does something else: what it has is read, and what is missing is told.

use super::{
    fake_target::Lie,
    stage::{Source, Stage},
};
use crate::{engine::Asked, migration::outcome::ImportSummary};

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
