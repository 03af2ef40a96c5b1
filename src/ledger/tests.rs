use super::*;
use crate::model::{media_wish::WhichMedia, stage::Stage};

#[test]
fn entries_survive_and_belong_to_their_bundle() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger.sqlite");
    let few = MediaWish {
        which: WhichMedia::NewerThan { days: 30 },
        max_mib: Some(8),
    };
    {
        let ledger = Ledger::open(&path, "one").unwrap();
        ledger
            .record(Step::Account, "@a:x", &Outcome::Begun)
            .unwrap();
        ledger
            .record(Step::Account, "@a:x", &Outcome::Done("created"))
            .unwrap();
        ledger
            .record(Step::Account, "@b:x", &Outcome::Failed("no".into()))
            .unwrap();
        assert_eq!(ledger.history().unwrap(), None);
        assert_eq!(ledger.media().unwrap(), None);
        assert_eq!(ledger.left_out().unwrap(), None);
        ledger
            .choose(Replayed::Last(5), few, Stages::of(&[Stage::Media]))
            .unwrap();
        ledger.advance("!r:x", 3).unwrap();
        ledger.advance("!r:x", 4).unwrap();
    }
    let ledger = Ledger::open(&path, "one").unwrap();
    assert_eq!(ledger.history().unwrap(), Some(Replayed::Last(5)));
    assert_eq!(ledger.media().unwrap(), Some(few));
    let left_out = ledger.left_out().unwrap();
    assert_eq!(left_out, Some(Stages::of(&[Stage::Media])));
    assert!(ledger.is_done(Step::Account, "@a:x").unwrap());
    assert!(!ledger.is_done(Step::Account, "@b:x").unwrap());
    assert_eq!(
        ledger.count_done(Step::Account, Some("created")).unwrap(),
        1
    );
    assert_eq!(ledger.done_as(Step::Account, "created").unwrap(), ["@a:x"]);
    assert_eq!(
        ledger
            .entry(Step::Replay, "!r:x")
            .unwrap()
            .unwrap()
            .position,
        4
    );
    assert_eq!(ledger.events().unwrap(), 4);
    let other = Ledger::open(&path, "two").unwrap();
    assert_eq!(other.entry(Step::Account, "@a:x").unwrap(), None);
    assert_eq!(other.events().unwrap(), 0);
    assert_eq!(other.history().unwrap(), None);
    assert!(ledger.has_any(Step::Account).unwrap());
    assert!(!ledger.has_any(Step::Join).unwrap() && !other.has_any(Step::Account).unwrap());
}

#[test]
fn a_problem_is_listed_once_until_it_is_solved() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(&dir.path().join("l"), "b").unwrap();
    let problem = Problem {
        step: "event".into(),
        subject: "$e".into(),
        reason: "no".into(),
    };
    ledger.problem(&problem).unwrap();
    ledger.problem(&problem).unwrap();
    assert_eq!(ledger.problems().unwrap(), std::slice::from_ref(&problem));
    ledger.solved_all("event", "$x").unwrap();
    ledger.solved_all("room", "$").unwrap();
    assert_eq!(ledger.problems().unwrap().len(), 1);
    ledger.solved_all("event", "$").unwrap();
    assert!(ledger.problems().unwrap().is_empty());
    ledger.problem(&problem).unwrap();
    ledger.solved("event", "$e").unwrap();
    assert!(ledger.problems().unwrap().is_empty());
}

#[test]
fn a_newer_bundle_takes_over_what_has_not_changed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger.sqlite");
    let old = Ledger::open(&path, "old").unwrap();
    let new = Ledger::open(&path, "new").unwrap();
    for room in ["!a:x", "!b:x"] {
        for step in [Step::Join, Step::Settle] {
            old.record(step, room, &Outcome::Done("equal")).unwrap();
        }
        old.advance(room, 7).unwrap();
        let place = Place {
            room: room.to_owned(),
            joiner: "@anna:x".to_owned(),
            point: "{}".to_owned(),
        };
        old.place(&place).unwrap();
    }
    old.problem(&Problem::new("event", "$e", "refused"))
        .unwrap();
    let differs = Differs {
        again: vec![(Step::Settle, "!b:x".to_owned())],
        but_for: vec![(Step::Join, "!a:x".to_owned(), "later".to_owned())],
        through: vec![("!b:x".to_owned(), 5)],
    };
    assert!(new.is_empty().unwrap());
    new.inherit("old", &differs).unwrap();
    assert!(new.is_done(Step::Settle, "!a:x").unwrap());
    assert!(new.is_done(Step::Join, "!b:x").unwrap());
    assert!(!new.is_done(Step::Join, "!a:x").unwrap());
    assert_eq!(new.with_detail(Step::Join, "later").unwrap(), ["!a:x"]);
    assert_eq!(new.entry(Step::Settle, "!b:x").unwrap(), None);
    let position = |room| new.entry(Step::Replay, room).unwrap().unwrap().position;
    assert_eq!((position("!a:x"), position("!b:x")), (7, 5));
    assert_eq!(new.places().unwrap(), old.places().unwrap());
    assert_eq!(new.problems().unwrap(), old.problems().unwrap());
    // What was there stays as it was, until it is discarded; nothing discards itself.
    assert!(old.is_done(Step::Settle, "!b:x").unwrap());
    new.discard("new").unwrap();
    new.discard("old").unwrap();
    assert!(old.is_empty().unwrap() && old.places().unwrap().is_empty());
    assert!(new.is_done(Step::Settle, "!a:x").unwrap() && !new.places().unwrap().is_empty());
}
