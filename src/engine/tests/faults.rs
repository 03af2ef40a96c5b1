//! What a target refuses stays with what it refused, and another import makes it good.

use super::{
    fake_target::{Account, Backup, Door},
    sample::{self, ANNA, BEN, DORA},
    stage::{End, Source, Stage},
};
use crate::{job::Problem, migration::outcome::ImportSummary};

const HARBOUR: &str = "!harbour:ferry.test";
const CREW: &str = "!crew:ferry.test";

/// What is told of the problems: step and subject.
pub(super) fn told(summary: &ImportSummary) -> Vec<(&str, &str)> {
    summary
        .problems
        .iter()
        .map(|Problem { step, subject, .. }| (step.as_str(), subject.as_str()))
        .collect()
}

/// The end of an import that meets no refusal.
pub(super) async fn good(source: &Source) -> End {
    let stage = Stage::new(source);
    let (summary, _) = stage.import().await;
    stage.end(summary)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_account_that_is_open_there_is_not_touched() {
    let source = Source::new();
    let stage = Stage::new(&source);
    let theirs = Account::new(Door::Password("own".to_owned()), "dora");
    stage
        .world()
        .accounts
        .insert(DORA.to_owned(), theirs.clone());
    // A second import must not take the account for its own, either.
    for _ in 0..2 {
        let (summary, _) = stage.import().await;
        insta::allow_duplicates! {
                    insta::assert_snapshot!(summary.problems[0].reason, @"it is deactivated on Synapse, but there is an open account of this name on the target: close that one there, or open it on Synapse and export again");
        assert_eq!(told(&summary), [("account", "@dora:ferry.test")]);
                }
        assert_eq!(summary.accounts_reserved, 0);
        assert_eq!(summary.rooms_carried, 4);
        assert_eq!(stage.world().accounts[DORA], theirs);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_old_key_one_room_is_joined_and_no_other() {
    let source = Source::new();
    let stage = Stage::new(&source);
    stage.world().takes_no_keys = true;
    let error = stage.refused_import().await;
    insta::assert_snapshot!(error, @r#"the target does not publish the old server's key ed25519:old, so no other server could check what was said before the switch: set trusted_servers = ["ferry.test:8449"] in the target's configuration, restart it, and import again"#);
    assert_eq!(stage.world().rooms.len(), 1);
    assert_eq!(error.exit_code(), 7);

    stage.world().takes_no_keys = false;
    let (summary, _) = stage.import().await;
    assert_eq!(stage.end(summary), good(&source).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_a_restart_has_lost_is_given_again() {
    let source = Source::new();
    let stage = Stage::new(&source);
    stage.world().forgotten_commands = 1;
    let (summary, _) = stage.import().await;
    assert_eq!(stage.end(summary), good(&source).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_fails_at_everything_is_left_alone() {
    let source = Source::new();
    let stage = Stage::new(&source);
    // After the accounts and their profiles.
    let error = stage.breaking_import(40).await.unwrap_err();
    let text = error.to_string();
    let (before, after) = text.split_once(" PUT ").unwrap();
    let (_, after) = after.split_once(": ").unwrap();
    insta::assert_snapshot!(format!("{before} PUT …: {after}"), @"the target fails at everything (the target answered 500 to PUT …: M_UNKNOWN Internal server error occurred): look at its log and whether its disk is full, restart it, and import again");
    assert_eq!(error.exit_code(), 7);

    let (summary, _) = stage.import().await;
    assert_eq!(stage.end(summary), good(&source).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_join_ends_its_room_only() {
    let source = Source::new();
    let stage = Stage::new(&source);
    stage.world().refused_joins.insert(HARBOUR.to_owned());
    let (summary, _) = stage.import().await;
    assert_eq!(
        told(&summary),
        [("alias", "#harbour:ferry.test"), ("room", HARBOUR)]
    );
    assert_eq!((summary.rooms_carried, summary.rooms_failed), (3, 1));
    assert!(!stage.world().rooms.contains_key(HARBOUR));

    stage.world().refused_joins.clear();
    let (summary, _) = stage.import().await;
    assert_eq!(stage.end(summary), good(&source).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_event_gets_another_chance() {
    let source = Source::new();
    let stage = Stage::new(&source);
    let event = source.room(HARBOUR).last().to_string();
    stage.world().refused_events.insert(event.clone());
    let (summary, _) = stage.import().await;
    let missing = format!("{HARBOUR}: {event} (m.room.message) is missing");
    assert_eq!(
        told(&summary),
        [("event", event.as_str()), ("room", missing.as_str())]
    );
    assert_eq!(
        summary.problems[0].reason,
        "the target refused it: not this one"
    );
    assert_eq!((summary.rooms_carried, summary.rooms_failed), (3, 1));

    stage.world().refused_events.clear();
    let (summary, _) = stage.import().await;
    assert_eq!(stage.end(summary), good(&source).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_event_of_a_fork_is_brought_in_whatever_the_answer_was() {
    let mut rooms = sample::rooms();
    let harbour = rooms.iter_mut().find(|room| room.room_id == HARBOUR);
    let event = harbour.unwrap().fork(ANNA).to_string();
    let source = Source::of(rooms);
    for told in [true, false] {
        let stage = Stage::new(&source);
        let refused = (event.clone(), told);
        stage.world().refused_when_sent.extend([refused]);
        let (summary, _) = stage.import().await;
        assert_eq!(summary.problems, []);
        assert_eq!((summary.rooms_carried, summary.rooms_failed), (4, 0));
        let lines = stage.world().rooms[HARBOUR].lines();
        let place = lines.iter().position(|line| line.contains(&event));
        assert_eq!(place, Some(1), "{lines:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_behind_a_fork_is_brought_in_too() {
    let mut rooms = sample::rooms();
    let harbour = rooms.iter_mut().find(|room| room.room_id == HARBOUR);
    let harbour = harbour.unwrap();
    harbour.fork(ANNA);
    // The event that joins the two branches again: it is on neither.
    let event = harbour.last().to_string();
    let source = Source::of(rooms);
    let stage = Stage::new(&source);
    let refused = (event.clone(), true);
    stage.world().refused_when_sent.extend([refused]);
    let (summary, _) = stage.import().await;
    assert_eq!(summary.problems, []);
    let lines = stage.world().rooms[HARBOUR].lines();
    let place = lines.iter().position(|line| line.contains(&event));
    assert_eq!(place, Some(1), "{lines:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn state_that_the_target_resolved_wrongly_is_mended() {
    let source = Source::new();
    let topic = source.room(HARBOUR).state()[&("m.room.topic".to_owned(), String::new())].clone();
    let topic = topic["event_id"].as_str().unwrap().to_owned();
    for (tries, problems) in [(1, 0), (3, 0), (4, 1)] {
        let stage = Stage::new(&source);
        stage.world().misjudged.insert(topic.clone(), tries);
        let (summary, _) = stage.import().await;
        assert_eq!(summary.problems.len(), problems, "{tries}");
        if problems == 0 {
            assert_eq!(stage.end(summary), good(&source).await);
            continue;
        }
        let told = &summary.problems[0].subject;
        assert!(told.contains(&format!("instead of {topic}")), "{told}");
        // Another import tries again.
        let (summary, _) = stage.import().await;
        assert_eq!(stage.end(summary), good(&source).await);
    }
}

/// Somebody who was here first has their own identity or backup: an import must not make it worthless.
#[tokio::test(flavor = "multi_thread")]
async fn what_users_have_of_their_own_for_encryption_stays() {
    let source = Source::new();
    let stage = Stage::new(&source);
    let own = |kind: &str| {
        (
            kind.to_owned(),
            serde_json::json!({ "keys": { "ed25519:own": "own" } }),
        )
    };
    let keys = [
        own("master_key"),
        own("self_signing_key"),
        own("user_signing_key"),
    ];
    {
        let encryption = &mut stage.world().encryption;
        encryption.keys.insert(BEN.to_owned(), keys.into());
        encryption
            .backups
            .insert(ANNA.to_owned(), vec![Backup::own()]);
    }
    let before = stage.world().encryption.clone();
    for _ in 0..2 {
        let (summary, _) = stage.import().await;
        assert_eq!(summary.problems, []);
        assert_eq!((summary.identities, summary.key_backups), (0, 0));
        assert_eq!(summary.identities_kept, [ANNA, BEN]);
        assert_eq!(stage.world().encryption, before);
    }
    let verification = stage.verify().await;
    assert!(verification.is_good());
    insta::assert_snapshot!(verification.identities.known.join("\n"), @"
    @anna:ferry.test has encryption of their own: set up before the import, or anew since
    @ben:ferry.test has encryption of their own: set up before the import, or anew since
    ");
    insta::assert_snapshot!(verification.room_keys.known.join("\n"), @"
    @anna:ferry.test: version 1 of the key backup is older than their newest; nobody can ask for it
    @anna:ferry.test has another key backup: one from before the import, or a new one since
    @ben:ferry.test: the key backup of their former encryption identity stays behind
    ");
}

/// Of several addresses, one that is refused is told until it is taken, and never by its name.
#[tokio::test(flavor = "multi_thread")]
async fn a_refused_address_is_told_and_not_named() {
    let source = Source::new();
    let stage = Stage::new(&source);
    stage.world().version = "1.8.0";
    let taken = "anna@example.net".to_owned();
    stage.world().taken_addresses.insert(taken);
    for _ in 0..2 {
        let (summary, _) = stage.import().await;
        assert_eq!(told(&summary), [("e-mail address", ANNA)]);
        insta::allow_duplicates! {
            insta::assert_snapshot!(summary.problems[0].reason, @"the target does not take one of their e-mail addresses, most often because another user has it: its admin room has the reason");
        }
        assert_eq!(stage.world().addresses.len(), 1);
    }
    stage.world().taken_addresses.clear();
    let (summary, _) = stage.import().await;
    assert_eq!(summary.problems, []);
    assert_eq!(stage.world().addresses.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_of_an_identity_is_told() {
    let source = Source::new();
    let stage = Stage::new(&source);
    stage.import().await;
    let mut encryption = stage.world().encryption.clone();
    let keys = encryption.keys.get_mut(ANNA).unwrap();
    keys.remove("user_signing_key");
    let stage = Stage::new(&source);
    stage.world().encryption = encryption;
    let (summary, _) = stage.import().await;
    assert_eq!(told(&summary), [("encryption identity", ANNA)]);
    insta::assert_snapshot!(summary.problems[0].reason, @"the target has only a part of their encryption identity: look at its log, and tell them to set up encryption anew");
    let identities = stage.verify().await.identities;
    assert_eq!(
        identities.differences,
        ["@anna:ferry.test has only a part of their encryption identity"]
    );
}

/// As after an import whose ledger is lost, or of an earlier bundle.
#[tokio::test(flavor = "multi_thread")]
async fn encryption_that_is_there_is_known_again() {
    let source = Source::new();
    let stage = Stage::new(&source);
    stage.import().await;
    let there = stage.world().encryption.clone();
    let stage = Stage::new(&source);
    stage.world().encryption = there.clone();
    let (summary, _) = stage.import().await;
    assert_eq!(summary.problems, []);
    assert_eq!(summary.identities_kept.len(), 0);
    assert_eq!(stage.world().encryption, there);
    assert!(stage.verify().await.is_good());
}

/// The newest version on the target must be the newest of the source, whatever failed on the way.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_backup_that_failed_is_not_closed_by_a_later_one() {
    let source = Source::new();
    let stage = Stage::new(&source);
    stage.world().refused_keys.insert(ANNA.to_owned());
    for _ in 0..2 {
        let (summary, _) = stage.import().await;
        assert_eq!(told(&summary), [("key backup", "@anna:ferry.test 1")]);
        assert_eq!(stage.world().encryption.backups[ANNA].len(), 1);
        assert!(!stage.verify().await.room_keys.is_good());
    }
    stage.world().refused_keys.clear();
    let (summary, _) = stage.import().await;
    assert_eq!(stage.end(summary), good(&source).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_that_the_target_has_lost_is_joined_again() {
    let source = Source::new();
    let stage = Stage::new(&source);
    let event = source.room(HARBOUR).last().to_string();
    stage.world().refused_events.insert(event);
    let (summary, _) = stage.import().await;
    assert_eq!(summary.rooms_failed, 1);

    stage.world().refused_events.clear();
    stage.world().rooms.remove(HARBOUR);
    let (summary, _) = stage.import().await;
    assert_eq!(stage.end(summary), good(&source).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_event_that_the_joiner_never_sees_gets_another_chance() {
    let source = Source::new();
    let stage = Stage::new(&source);
    let event = source.room(HARBOUR).last().to_string();
    let hidden = (ANNA.to_owned(), event.clone());
    stage.world().hidden.insert(hidden);
    stage.world().refused_events.insert(event);
    let (summary, _) = stage.import().await;
    assert_eq!(summary.problems.len(), 2);

    stage.world().refused_events.clear();
    let (summary, _) = stage.import().await;
    assert_eq!(stage.end(summary), good(&source).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_waits_for_its_first_event() {
    let source = Source::new();
    let stage = Stage::new(&source);
    let event = source.room(CREW).events[0].0.to_string();
    stage.world().refused_events.insert(event.clone());
    let (summary, _) = stage.import().await;
    assert_eq!(told(&summary), [("room", CREW)]);
    let reason = &summary.problems[0].reason;
    assert!(reason.contains("first event") && reason.contains(&event));

    stage.world().refused_events.clear();
    let (summary, _) = stage.import().await;
    assert_eq!(stage.end(summary), good(&source).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_event_of_the_past_gets_another_chance() {
    let source = Source::new();
    let stage = Stage::new(&source);
    // Before the joiner's first join: it is imported, not sent.
    let event = source.room(CREW).events[3].0.to_string();
    stage.world().refused_events.insert(event.clone());
    let (summary, _) = stage.import().await;
    let missing = format!("{CREW}: {event} (m.room.topic) is missing");
    assert_eq!(
        told(&summary),
        [("event", event.as_str()), ("room", missing.as_str())]
    );

    stage.world().refused_events.clear();
    let (summary, _) = stage.import().await;
    // It is there, but whatever is imported goes before all the rest.
    let order = format!("{CREW}: its events are in another order");
    assert_eq!(told(&summary), [("room", order.as_str())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alias_that_names_another_room_stays() {
    let source = Source::new();
    let stage = Stage::new(&source);
    let alias = "#island:ferry.test";
    let other = "!other:ferry.test";
    stage
        .world()
        .aliases
        .insert(alias.to_owned(), other.to_owned());
    let (summary, _) = stage.import().await;
    insta::assert_snapshot!(summary.problems[0].reason, @"it names !other:ferry.test on the target already: remove it there and import again");
    assert_eq!(told(&summary), [("alias", "#island:ferry.test")]);
    assert_eq!((summary.aliases, summary.rooms_carried), (1, 4));
    assert_eq!(stage.world().aliases[alias], other);

    stage.world().aliases.remove(alias);
    let (summary, _) = stage.import().await;
    assert_eq!(stage.end(summary), good(&source).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_is_closed_there_already_is_reserved() {
    let source = Source::new();
    let stage = Stage::new(&source);
    let closed = Account::new(Door::Closed, "dora");
    stage.world().accounts.insert(DORA.to_owned(), closed);
    let (summary, _) = stage.import().await;
    assert_eq!(stage.end(summary), good(&source).await);
}

/// A failure's sign in a report leads to its explanation, and its room knows of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_explained_by_its_reference() {
    let source = Source::new();
    let stage = Stage::new(&source);
    stage.world().refused_joins.insert(HARBOUR.to_owned());
    let (summary, _) = stage.import().await;
    let room = summary
        .problems
        .iter()
        .find(|it| it.step == "room")
        .unwrap();
    let engine = stage.engine("http://127.0.0.1:1");
    let reference = room.reference();
    assert_eq!(engine.why(&reference, vec![]).unwrap(), *room);
    assert_eq!(
        engine.why(&reference[..5].to_uppercase(), vec![]).unwrap(),
        *room
    );
    insta::assert_snapshot!(engine.why("", vec![]).unwrap_err(), @"neither the last export nor the last import has a failure : it may have been mended since; `report` lists those that are left");
    insta::assert_snapshot!(engine.why("zzzz", vec![]).unwrap_err(), @"neither the last export nor the last import has a failure zzzz: it may have been mended since; `report` lists those that are left");

    let other = Problem {
        step: "media".to_owned(),
        ..room.clone()
    };
    let found = engine.why(&other.reference(), vec![other.clone()]);
    assert_eq!(found.unwrap(), other);

    let bundle = || Some(stage.bundle.clone());
    let seen = engine.room(bundle(), HARBOUR).await.unwrap();
    assert_eq!(seen.problems.len(), 2);
    let by_alias = engine.room(bundle(), "#harbour:ferry.test").await.unwrap();
    assert_eq!(by_alias, seen);
    let crew = engine.room(bundle(), CREW).await.unwrap();
    assert_eq!((crew.problems.len(), crew.replayed), (0, Some(crew.events)));
    for name in ["!none:ferry.test", "#none:ferry.test", "none"] {
        assert!(engine.room(bundle(), name).await.is_err(), "{name}");
    }
}
