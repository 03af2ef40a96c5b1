//! Stopped at any step, the end is the same.

use futures::{StreamExt, stream};
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};

use super::{
    fake_target::When,
    sample::ANNA,
    stage::{End, Source, Stage},
};
use crate::engine::Asked;

/// Kills are waited for, not computed with: a few at a time.
const AT_ONCE: usize = 4;

/// The end of an import that nobody disturbs, and the requests that it takes.
async fn undisturbed(source: &Source) -> (End, u64) {
    let stage = Stage::new(source);
    let (summary, requests) = stage.import().await;
    (stage.end(summary), requests)
}

/// The end after an import was killed at these moments.
async fn disturbed(source: &Source, kills: &[(u64, When)]) -> End {
    let stage = Stage::new(source);
    for (last, when) in kills {
        stage.killed_import(*last, *when).await;
    }
    let (summary, _) = stage.import().await;
    stage.end(summary)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_fake_target_is_migrated_to_completely() {
    let source = Source::new();
    let stage = Stage::new(&source);
    let (summary, _) = stage.import().await;
    assert_eq!(summary.problems, []);
    assert_eq!(
        (summary.accounts_created, summary.accounts_reserved),
        (2, 1)
    );
    assert_eq!(summary.accounts_adopted, [super::sample::BEN]);
    assert_eq!((summary.rooms_carried, summary.rooms_failed), (4, 0));
    assert_eq!(summary.aliases, 2);
    assert_eq!((summary.identities, summary.key_backups), (2, 3));
    assert_eq!((summary.media.carried, summary.media.planned), (3, 3));
    assert_eq!(summary.media.lost[0].media_id, "bblost");
    assert!(stage.world().rooms.values().all(|room| room.joins == 1));
    let verification = stage.verify().await;
    assert!(verification.is_good(), "{verification:#?}");
    assert_eq!(verification.identities.equal, 2);
    assert_eq!(
        (
            verification.room_keys.equal,
            verification.room_keys.expected
        ),
        (4, 4)
    );
    let end = stage.end(summary);
    // Once more changes nothing, and asks for no change.
    stage.world().changes.clear();
    let (summary, _) = stage.import().await;
    assert!(
        stage
            .world()
            .media
            .values()
            .all(|medium| medium.fetched == 1)
    );
    assert_eq!(stage.end(summary), end);
    assert_eq!(stage.world().changes, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_became_of_a_user_is_told() {
    let source = Source::new();
    let stage = Stage::new(&source);
    stage.world().version = "1.8.0";
    insta::assert_snapshot!(stage.user("anna").await.unwrap(), @r"
    **`@anna:ferry.test`: carried over**

    - bundle: `bundle`
    - nothing was done yet
    - joined rooms: 4
    ");
    stage.import().await;
    insta::assert_snapshot!(stage.user("@anna:ferry.test").await.unwrap(), @r"
    **`@anna:ferry.test`: carried over**

    - bundle: `bundle`
    - account: created
    - e-mail addresses: bound
    - name and picture: set
    - encryption identity: carried
    - verified people: carried
    - key backup `1`: carried
    - key backup `3`: carried
    - settings and tags: set
    - read receipts: set
    - joined rooms: 4 there, 0 not
    ");
    insta::assert_snapshot!(stage.user("@dora").await.unwrap(), @r"
    **`@dora:ferry.test`: only the name is kept, deactivated on Synapse**

    - bundle: `bundle`
    - account: closed, so that nobody takes the name
    - joined rooms: 0 there, 0 not
    ");
    insta::assert_snapshot!(stage.user("zoe").await.unwrap_err(), @"bundle has no user @zoe:ferry.test: look for the right spelling in the plan's report");
    insta::assert_snapshot!(stage.user("@zoe:").await.unwrap_err(), @"@zoe: is no user ID (server name is not a valid IP address or domain name): write one such as @anna:ferry.test");
}

#[tokio::test(flavor = "multi_thread")]
async fn admins_stay_admins_only_if_it_is_asked_for() {
    let source = Source::new();
    let stage = Stage::new(&source);
    let asked = Asked {
        admins: true,
        ..Asked::default()
    };
    for _ in 0..2 {
        let summary = stage.import_as(asked.clone()).await;
        assert_eq!(summary.problems, []);
        assert_eq!(Vec::from_iter(stage.world().admins.clone()), [ANNA]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_go_where_they_can_be_held() {
    let source = Source::new();
    for (version, holds) in [("1.4.6", false), ("1.8.0", true)] {
        let stage = Stage::new(&source);
        stage.world().version = version;
        let (summary, _) = stage.import().await;
        assert_eq!(summary.problems, []);
        let wanted = ["anna@example.net", "anna@example.org"];
        let wanted = wanted.map(|address| (ANNA.to_owned(), address.to_owned()));
        let there = stage.world().addresses.clone();
        let wanted = wanted.into_iter().filter(|_| holds).collect();
        assert_eq!(there, wanted);
        assert!(stage.world().admins.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_puts_events_in_order_gets_many_at_once() {
    let source = Source::new();
    let (mut end, one_by_one) = undisturbed(&source).await;
    let stage = Stage::new(&source);
    stage.world().version = "1.7.1";
    let (summary, together) = stage.import().await;
    end.summary.target = "Tuwunel 1.7.1".to_owned();
    assert_eq!(stage.end(summary), end);
    assert!(together + 15 < one_by_one, "{together} of {one_by_one}");
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_each_request_the_end_is_the_same() {
    killed_at_each_request(Source::new()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_the_past_is_backfilled_the_end_is_the_same() {
    let source = Source::long();
    let stage = Stage::new(&source);
    let (summary, _) = stage.import().await;
    assert_eq!(summary.problems, []);
    assert!(stage.verify().await.is_good());
    killed_at_each_request(source).await;
}

pub(super) async fn killed_at_each_request(source: Source) {
    let (end, requests) = undisturbed(&source).await;
    let kills = (1..=requests).flat_map(|last| [(last, When::Before), (last, When::After)]);
    let ends = stream::iter(kills).map(|kill| {
        let source = &source;
        async move { (kill, disturbed(source, &[kill]).await) }
    });
    let mut ends = ends.buffer_unordered(AT_ONCE);
    while let Some((kill, there)) = ends.next().await {
        assert_eq!(there, end, "killed at {kill:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxys_error_at_any_request_changes_nothing() {
    let source = Source::new();
    let (end, requests) = undisturbed(&source).await;
    let stumbles = (1..=requests).flat_map(|one| [(one, When::Before), (one, When::After)]);
    let ends = stream::iter(stumbles).map(|(request, when)| {
        let source = &source;
        async move {
            let stage = Stage::new(source);
            let summary = stage.stumbling_import(request, when).await;
            ((request, when), stage.end(summary))
        }
    });
    // They wait, and use no processor meanwhile.
    let mut ends = ends.buffer_unordered(4 * AT_ONCE);
    while let Some((stumble, there)) = ends.next().await {
        assert_eq!(there, end, "at {stumble:?}");
    }
}

#[test]
fn killed_several_times_the_end_is_the_same() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let source = Source::new();
    let (end, requests) = runtime.block_on(undisturbed(&source));
    let when = prop_oneof![Just(When::Before), Just(When::After)];
    let kills = prop::collection::vec((1..=requests, when), 1..=3);
    let config = Config {
        cases: 32,
        failure_persistence: None,
        ..Config::default()
    };
    let result = TestRunner::new(config).run(&kills, |kills| {
        let there = runtime.block_on(disturbed(&source, &kills));
        prop_assert_eq!(&there, &end);
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}
