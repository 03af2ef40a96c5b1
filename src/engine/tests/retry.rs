//! What failed is done again, and nothing else.

use futures::{StreamExt, stream};

use super::{
    fake_target::{Broken, When},
    faults::good,
    sample::{ANNA, BEN},
    stage::{Source, Stage, wanted},
};
use crate::{
    engine::Asked, job::Job, migration::outcome::RoomVerification, model::stage::Stages, report,
};

const HARBOUR: &str = "!harbour:ferry.test";
const CREW: &str = "!crew:ferry.test";

/// An import of which a room, a file, a user's keys and an alias failed; all of that would go well now.
async fn failed(source: &Source) -> Stage {
    let stage = Stage::new(source);
    stage.world().refused_joins.insert(HARBOUR.to_owned());
    stage.world().refused_keys.insert(ANNA.to_owned());
    let refused = ("aaimage".to_owned(), Broken::Refused);
    stage.world().broken_media.extend([refused]);
    let (summary, _) = stage.import().await;
    assert_eq!(summary.problems.len(), 4, "{:?}", summary.problems);
    let mut world = stage.world();
    world.refused_joins.clear();
    world.refused_keys.clear();
    world.broken_media.clear();
    world.changes.clear();
    drop(world);
    stage
}

#[tokio::test(flavor = "multi_thread")]
async fn exactly_what_failed_is_mended() {
    let source = Source::new();
    let stage = failed(&source).await;
    let again = stage.again(&[]).await.unwrap();
    insta::assert_snapshot!(report::retry::preview(&again), @r"
    **2 users, 1 room, 1 alias and 1 media file will be done again on Tuwunel 1.4.6; nothing else is touched.**

    - bundle: `bundle`

    **4 things could not be done**

    - `ca7ea865` alias: `#harbour:ferry.test`: its room \!harbour:ferry.test is not there yet: import again
    - `675404bd` key backup: `@anna:ferry.test 1`: the target answered 403 to PUT /\_matrix/client/v3/room\_keys/keys: M\_FORBIDDEN not these
    - `ba305c8c` media: `aaimage`: Media not found.
    - `a3e897fc` room: `!harbour:ferry.test`: the target answered 403 to POST /\_matrix/client/v3/join/%21harbour%3Aferry.test: M\_FORBIDDEN not this one
    ");
    assert_eq!(stage.world().changes, Vec::<String>::new());
    let before = stage.world().rooms[CREW].lines();

    let (retried, _) = stage.retry(&["failed"]).await.unwrap();
    insta::assert_snapshot!(report::retry::short(&retried), @r"
    **2 users, 1 room, 1 alias and 1 media file done again on Tuwunel 1.4.6 in 0.0 s: all that had failed is mended.**

    - bundle: `bundle`

    Next: `verify`.
    ");
    insta::assert_snapshot!(report::retry::full(&retried).split_once("## ").unwrap().1, @r"
    Mended

    - alias: `#harbour:ferry.test`
    - key backup: `@anna:ferry.test 1`
    - media: `aaimage`
    - room: `!harbour:ferry.test`
    ");
    let mut changes = stage.world().changes.clone();
    changes.retain(|change| {
        // What is sent to a room goes to one that the resident has open, and that is this one.
        let is_of_the_room = change.contains(HARBOUR) || change.contains("#harbour:");
        !is_of_the_room && !change.starts_with("PUT federation/v1/send/")
    });
    changes.sort();
    // Commands of the admin room, each in a message of its own.
    for change in &mut changes {
        change.truncate(change.find("m.room.message").unwrap_or(change.len()));
    }
    changes.dedup();
    insta::assert_snapshot!(changes.join("\n"), @r"
    POST client/v3/room_keys/version
    PUT client/v3/room_keys/keys
    PUT client/v3/rooms/!admins:ferry.test/send/
    ");
    assert_eq!(stage.world().rooms[CREW].lines(), before);

    // Nothing is left for an import.
    stage.world().changes.clear();
    let (summary, _) = stage.import().await;
    assert_eq!(stage.world().changes, Vec::<String>::new());
    assert_eq!(stage.end(summary), good(&source).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_again_keeps_its_reference() {
    let source = Source::new();
    let stage = failed(&source).await;
    let before = stage.again(&[]).await.unwrap().problems;
    stage.world().refused_joins.insert(HARBOUR.to_owned());
    let (retried, _) = stage.retry(&[]).await.unwrap();
    assert_eq!((retried.mended.len(), retried.left.len()), (2, 2));
    for problem in &retried.left {
        let reference = problem.reference();
        assert!(before.iter().any(|it| it.reference() == reference));
        let engine = stage.engine("http://127.0.0.1:1");
        assert_eq!(engine.why(&reference, vec![]).unwrap(), *problem);
    }
    insta::assert_snapshot!(report::retry::short(&retried), @r"
    **2 users, 1 room, 1 alias and 1 media file done again on Tuwunel 1.4.6 in 0.0 s: 2 of 4 failures are mended.**

    - bundle: `bundle`

    **2 things could not be done**

    - `ca7ea865` alias: `#harbour:ferry.test`: its room \!harbour:ferry.test is not there yet: import again
    - `a3e897fc` room: `!harbour:ferry.test`: the target answered 403 to POST /\_matrix/client/v3/join/%21harbour%3Aferry.test: M\_FORBIDDEN not this one

    `why` and the sign before a line says what helps; after that, `retry` again. `import` goes on with what was never tried.
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_that_is_killed_ends_the_same() {
    let source = Source::new();
    let end = good(&source).await;
    let (_, requests) = failed(&source).await.retry(&[]).await.unwrap();
    let kills = (1..=requests).flat_map(|last| [(last, When::Before), (last, When::After)]);
    let ends = stream::iter(kills).map(|(last, when)| {
        let source = &source;
        async move {
            let stage = failed(source).await;
            stage.killed_retry(&[], last, when).await;
            let (retried, _) = stage.retry(&[]).await.unwrap();
            assert_eq!(retried.left, [], "killed at {last} {when:?}");
            let (summary, _) = stage.import().await;
            ((last, when), stage.end(summary))
        }
    });
    let mut ends = ends.buffer_unordered(4);
    while let Some((kill, there)) = ends.next().await {
        assert_eq!(there, end, "killed at {kill:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_that_was_done_is_done_again_by_name() {
    let source = Source::new();
    let stage = Stage::new(&source);
    stage.import().await;
    stage.world().rooms.remove(HARBOUR);
    stage.world().aliases.remove("#harbour:ferry.test");
    assert!(!stage.verify().await.is_good());
    // The ledger knows nothing of it.
    assert!(stage.again(&[]).await.unwrap().things.is_empty());
    stage.world().changes.clear();
    let again = stage.again(&["#harbour:ferry.test"]).await.unwrap();
    insta::assert_snapshot!(report::retry::preview(&again), @r"
    **1 room and 1 alias will be done again on Tuwunel 1.4.6; nothing else is touched.**

    - bundle: `bundle`
    - a room that is named is sent again even if it counts as done: no message is lost, but its state, and the membership of the first to join, are set back to what they were on Synapse: do it before people use it there
    ");
    let (retried, _) = stage.retry(&["#harbour:ferry.test"]).await.unwrap();
    assert_eq!(retried.left, []);
    for change in stage.world().changes.clone() {
        assert!(!change.contains(CREW), "{change}");
    }
    assert!(stage.world().aliases.contains_key("#harbour:ferry.test"));
    assert_eq!(stage.world().rooms[HARBOUR].joins, 1);
    let verification = stage.verify().await;
    assert!(
        verification.rooms.iter().all(RoomVerification::is_good),
        "{verification:#?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_was_done_is_done_again_by_name() {
    let source = Source::new();
    let stage = Stage::new(&source);
    let (summary, _) = stage.import().await;
    let end = stage.end(summary);
    {
        let mut world = stage.world();
        world.encryption.keys.remove(ANNA);
        world.settings.account_data.retain(|key, _| key[0] != ANNA);
        world.settings.receipts.retain(|key, _| key[0] != ANNA);
        world.changes.clear();
    }
    let (retried, _) = stage.retry(&["anna"]).await.unwrap();
    assert_eq!(retried.left, []);
    insta::assert_snapshot!(report::retry::short(&retried), @r"
    **1 user done again on Tuwunel 1.4.6 in 0.0 s: nothing of it fails.**

    - bundle: `bundle`

    Next: `verify`.
    ");
    for change in stage.world().changes.clone() {
        assert!(
            !change.contains(BEN) || change.contains("signatures"),
            "{change}"
        );
    }
    let verification = stage.verify().await;
    assert!(verification.is_good(), "{verification:#?}");
    let (summary, _) = stage.import().await;
    assert_eq!(stage.end(summary), end);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_that_cannot_begin_leaves_everything_done() {
    let source = Source::new();
    let stage = Stage::new(&source);
    stage.import().await;
    stage.world().changes.clear();
    let visit = stage.target.visit(None).await;
    let (engine, _taken) = stage.deaf_engine(&visit.url);
    let wanted = wanted(&["anna", HARBOUR]);
    assert!(engine.retry(&Job::new().0, &wanted).await.is_err());
    // What somebody has changed there since is safe from the next plain retry, which would tell nobody of it.
    assert!(stage.again(&[]).await.unwrap().things.is_empty());
    stage.import().await;
    assert_eq!(stage.world().changes, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_had_its_turn_is_left_by_a_retry_that_is_killed() {
    let source = Source::new();
    let end = good(&source).await;
    let names = ["anna", HARBOUR];
    let stage = Stage::new(&source);
    stage.import().await;
    let (_, requests) = stage.retry(&names).await.unwrap();
    let mut left = Vec::new();
    for last in (1..=requests).step_by(6) {
        let stage = Stage::new(&source);
        stage.import().await;
        stage.killed_retry(&names, last, When::Before).await;
        let things = stage.again(&[]).await.unwrap().things;
        left.push((things.users.len(), things.rooms.len()));
        let (retried, _) = stage.retry(&names).await.unwrap();
        assert_eq!(retried.left, [], "killed at {last}");
        let (summary, _) = stage.import().await;
        assert_eq!(stage.end(summary), end, "killed at {last}");
    }
    left.dedup();
    assert!(
        left.starts_with(&[(0, 0), (1, 0)]) || left.starts_with(&[(0, 0), (0, 1)]),
        "{left:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_the_target_has_lost_is_made_again() {
    let source = Source::new();
    let stage = Stage::new(&source);
    stage.import().await;
    stage.world().accounts.remove(ANNA);
    stage.retry(&["@anna:ferry.test"]).await.unwrap();
    let verification = stage.verify().await;
    assert!(verification.users.is_good(), "{verification:#?}");
    let (summary, _) = stage.import().await;
    // Her password is still the one in the file.
    assert_eq!(stage.end(summary).summary.accounts_created, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_unknown_name_keeps_the_others_as_they_are() {
    let source = Source::new();
    let stage = failed(&source).await;
    let names = [
        HARBOUR,
        "ben",
        "zoe",
        "#none:ferry.test",
        "!none:ferry.test",
    ];
    let error = stage.retry(&names).await.unwrap_err();
    insta::assert_snapshot!(error, @"bundle has no user @zoe:ferry.test, no alias #none:ferry.test, no room !none:ferry.test, so nothing was done: look for the right spelling in the plan's report");
    assert_eq!(error.exit_code(), 2);
    assert_eq!(stage.world().changes, Vec::<String>::new());

    let (retried, _) = stage.retry(&[HARBOUR, "ben"]).await.unwrap();
    assert_eq!((retried.mended.len(), retried.left.len()), (2, 0));
    assert_eq!(retried.again.others, 2);
    assert!(stage.world().rooms.contains_key(HARBOUR));
}

#[tokio::test(flavor = "multi_thread")]
async fn where_there_is_nothing_it_says_so() {
    let source = Source::new();
    let stage = Stage::new(&source);
    insta::assert_snapshot!(stage.again(&[]).await.unwrap_err(), @"nothing has been imported yet, so nothing can have failed: run `import` first");
    let users = "accounts, admin-rights, e-mail-addresses, names-and-pictures";
    let users: Stages = users.parse().unwrap();
    let only_users = Asked {
        left_out: users.others(),
        ..Asked::default()
    };
    stage.import_as(only_users).await;
    insta::assert_snapshot!(stage.again(&[HARBOUR]).await.unwrap_err(), @"rooms were left out by choice so far, so there is nothing to do again: import them first");
    stage.import().await;
    stage.world().changes.clear();
    let (retried, _) = stage.retry(&[]).await.unwrap();
    insta::assert_snapshot!(report::retry::short(&retried), @"There is nothing to do again: of `bundle`, all that was begun is done. `import` goes on with what was never tried, `verify` compares.");
    assert_eq!(stage.world().changes, Vec::<String>::new());
    // Another target knows nothing of it.
    stage.world().key = "b3RoZXI";
    insta::assert_snapshot!(stage.again(&[]).await.unwrap_err(), @"nothing of bundle has been imported to this target yet: run `import` first, or name another bundle with --bundle");
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_and_a_name_are_two_orders() {
    let source = Source::new();
    let stage = failed(&source).await;
    let error = stage.again(&["failed", "#harbour:ferry.test"]).await;
    let error = error.unwrap_err();
    insta::assert_snapshot!(error, @"failed is all that has failed, and #harbour:ferry.test is a name: order the two retries one after the other");
    assert_eq!(error.exit_code(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alias_that_was_never_begun_goes_with_its_room() {
    let source = Source::new();
    // Killed while its rooms were on their way.
    for last in (30..).step_by(5) {
        let stage = Stage::new(&source);
        assert!(stage.killed_import(last, When::Before).await, "{last}");
        let Ok(again) = stage.again(&[]).await else {
            continue;
        };
        if !again.things.rooms.contains(HARBOUR) {
            continue;
        }
        assert!(
            again
                .things
                .aliases
                .iter()
                .any(|it| it == "#harbour:ferry.test")
        );
        stage.retry(&[]).await.unwrap();
        assert_eq!(stage.world().aliases["#harbour:ferry.test"], HARBOUR);
        return;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn receipts_that_were_refused_are_set_again_where_they_were() {
    let source = Source::new();
    let stage = Stage::new(&source);
    stage.world().settings.refused_room = Some(HARBOUR);
    let (summary, _) = stage.import().await;
    assert!(
        summary
            .problems
            .iter()
            .all(|problem| problem.step == "receipts")
    );
    assert!(!summary.problems.is_empty());
    stage.world().settings.refused_room = None;
    stage.world().changes.clear();
    let (retried, _) = stage.retry(&[]).await.unwrap();
    assert_eq!(retried.left, []);
    for change in stage.world().changes.clone() {
        assert!(change.contains(HARBOUR), "{change}");
    }
    let (summary, _) = stage.import().await;
    assert_eq!(stage.end(summary), good(&source).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_changed_since_its_preview_is_not_done() {
    let source = Source::new();
    let stage = failed(&source).await;
    let again = stage.again(&[]).await.unwrap();
    stage.retry(&[HARBOUR]).await.unwrap();
    let visit = stage.target.visit(None).await;
    let wanted = crate::engine::WantedAgain {
        confirmed: Some(again.digest),
        ..crate::engine::WantedAgain::default()
    };
    let engine = stage.engine(&visit.url);
    let error = engine
        .retry(&crate::job::Job::new().0, &wanted)
        .await
        .unwrap_err();
    insta::assert_snapshot!(error, @"what would be done again is not what was confirmed any more: order the retry again and look at it");
}
