//! Checks on a target in memory: what is found, and how bad it is.
//!
//! Nobody is there as Synapse, and nothing that the fake target says reaches the resident.

use super::{
    sample,
    stage::{Source, Stage},
};
use crate::{
    config::Config,
    migration::check::{Check, Round, Severity},
};

/// The codes of a severity, each with its number of subjects.
fn codes(round: &Round, severity: Severity) -> Vec<(&'static str, usize)> {
    let checks = round.0.iter();
    checks
        .filter(|check| check.severity() == severity)
        .map(|check| (check.code(), check.subjects.len()))
        .collect()
}

fn find<'a>(round: &'a Round, code: &str) -> Option<&'a Check> {
    round.0.iter().find(|check| check.code() == code)
}

fn as_it_is(_: &mut Config) {}

#[tokio::test(flavor = "multi_thread")]
async fn an_installation_without_a_source() {
    let source = Source::new();
    let stage = Stage::new(&source);
    let round = stage.check(0, as_it_is).await;
    assert_eq!(
        codes(&round, Severity::Error),
        [("source-unreachable", 0), ("resident-elsewhere", 0)]
    );
    assert_eq!(
        codes(&round, Severity::Warning),
        [
            ("bot-unreachable", 0),
            // The fake target has the real time, and the installation another.
            ("target-clock", 0),
            ("bundle-lacks-own", 0),
            ("media-lost", 1),
            // Their creators have left.
            ("past-readable", 2),
            ("users-there", 1),
        ]
    );
    let good = codes(&round, Severity::Good);
    let good: Vec<_> = good.into_iter().map(|(code, _)| code).collect();
    assert_eq!(
        good,
        ["target", "bundle", "rooms", "users", "old-keys", "disk"]
    );
    assert_eq!(find(&round, "users-there").unwrap().subjects, [sample::BEN]);
    // Who was asked is told by the admin room alone: nothing else was changed.
    assert!(
        stage
            .world()
            .changes
            .iter()
            .all(|change| change.contains("send/m.room.message") || change.contains("/ping")),
        "{:?}",
        stage.world().changes
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operators_own_account_is_expected() {
    let source = Source::new();
    let stage = Stage::new(&source);
    let round = stage
        .check(0, |config| {
            config.operators = vec![sample::BEN.try_into().unwrap()];
        })
        .await;
    assert_eq!(find(&round, "users-there"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_are_judged() {
    let source = Source::new();
    let stage = Stage::new(&source);
    for (version, code) in [
        ("1.4.5", "target-too-old"),
        ("1.4.6", "target"),
        ("1.9.0", "target-untried"),
    ] {
        stage.world().version = version;
        let round = stage.check(0, as_it_is).await;
        assert!(find(&round, code).is_some(), "{version}: {round:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bundle_grows_old() {
    let source = Source::new();
    let stage = Stage::new(&source);
    let round = stage.check(1, as_it_is).await;
    assert_eq!(
        find(&round, "bundle-old").unwrap().severity(),
        Severity::Warning
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_target_refuses_is_named() {
    let source = Source::new();
    let stage = Stage::new(&source);
    {
        let mut world = stage.world();
        world.forbidden_names.insert("cara".to_owned());
        world.ping = Some("Command failed with error:\n```\nFederation is disabled.\n```");
        // The old server's, as the bundle has it.
        world.key = "b2xk";
    }
    let round = stage
        .check(0, |config| {
            config.synapse.signing_key_for_receipts = Some("no.key".into());
        })
        .await;
    assert_eq!(
        codes(&round, Severity::Error),
        [
            ("source-unreachable", 0),
            ("federation-off", 0),
            ("target-is-source", 0),
            ("receipts-key-unusable", 0),
        ]
    );
    let refused = find(&round, "users-names-refused").unwrap();
    assert_eq!(refused.subjects, [sample::CARA]);
    assert_eq!(round.worst(), Severity::Error);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bot_that_is_no_admin_asks_nothing() {
    let source = Source::new();
    let stage = Stage::new(&source);
    stage.world().aliases.remove("#admins:ferry.test");
    let round = stage.check(0, as_it_is).await;
    assert_eq!(
        codes(&round, Severity::Error),
        [("source-unreachable", 0), ("target-not-admin", 0)]
    );
}
