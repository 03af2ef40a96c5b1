//! What the old tool got wrong in reading, each by its name.

use std::os::unix::fs::PermissionsExt;

use sha2::{Digest, Sha256};

use super::*;
use crate::hex::hex;

/// Names, contents and times of all files.
fn state(folder: &Path) -> Vec<(PathBuf, String, std::time::SystemTime)> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(state(&path));
        } else {
            let content = hex(&Sha256::digest(fs::read(&path).unwrap()));
            let changed = fs::metadata(&path).unwrap().modified().unwrap();
            all.push((path, content, changed));
        }
    }
    all.sort();
    all
}

#[test]
fn the_original_is_not_opened_for_writing() {
    let fixture = Fixture::new("v4-empty");
    let before = state(fixture.folder.path());
    assert_eq!(keys(&fixture.extract().unwrap()), fixture.expected);
    assert_eq!(state(fixture.folder.path()), before);
}

#[test]
fn a_store_without_passphrase_is_not_poisoned_by_the_default() {
    let fixture = Fixture::new("v4-none");
    for _ in 0..2 {
        assert_eq!(keys(&fixture.extract().unwrap()), fixture.expected);
    }
    // Nor is one a trap that the old tool has poisoned: plain rows beside a cipher's row.
    let poison = fs::read(Fixture::new("v5-empty").log()).unwrap();
    let at = memchr::memmem::find(&poison, br#"{"kdf_info":{"#).unwrap();
    let mut log = fs::read(fixture.log()).unwrap();
    log.extend_from_slice(&poison[at..at + 900]);
    fs::write(fixture.log(), log).unwrap();
    assert_eq!(keys(&fixture.skipping().unwrap()), fixture.expected);
}

#[test]
fn no_keys_are_an_error() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("db"), [0; 100]).unwrap();
    insta::assert_snapshot!(sentence(extract(&wish(folder.path())), folder.path()), @"crypto store …: no inbound Megolm session is in …: is it this bot's store?");
}

#[test]
fn the_better_of_two_sessions_is_kept_whichever_comes_first() {
    let (good, worse) = at_indexes();
    for order in [[&good, &worse], [&worse, &good]] {
        let folder = tempfile::tempdir().unwrap();
        fs::write(
            folder.path().join("db"),
            order.map(String::as_str).join("\u{0}"),
        )
        .unwrap();
        let extracted = extract(&Wish {
            skip_errors: true,
            ..wish(folder.path())
        })
        .unwrap();
        let mut indexes = Vec::new();
        extracted
            .each_key(|key| {
                indexes.push(key.first_known_index);
                Ok(())
            })
            .unwrap();
        assert_eq!(indexes, [2]);
    }
}

/// One session as plain values, at index 2 and at index 40.
fn at_indexes() -> (String, String) {
    use matrix_sdk::encryption::vodozemac::megolm::{
        GroupSession, InboundGroupSession, SessionConfig,
    };
    let outbound = GroupSession::new(SessionConfig::version_1());
    let mut inbound = InboundGroupSession::new(&outbound.session_key(), SessionConfig::version_1());
    let mut value = |index| {
        inbound.advance_to(index);
        let pickle = serde_json::to_string(&inbound.pickle()).unwrap();
        format!(
            r#"{{"pickle":{pickle},"sender_key":"nkGoGuQBtbWqUGlp7EvQ9lbLcRpXK3MGYPeTqEAL4AA","signing_key":{{}},"room_id":"!a:example.org","imported":false,"history_visibility":null}}"#
        )
    };
    (value(2), value(40))
}

#[test]
fn nothing_with_keys_is_left_behind_and_nobody_else_reads_it_meanwhile() {
    let fixture = Fixture::new("v5-empty");
    let work = tempfile::tempdir().unwrap();
    let wish = Wish {
        work: work.path().join("work"),
        ..fixture.wish()
    };
    let extracted = extract(&wish).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let mut folders = fs::read_dir(&wish.work).unwrap();
    let folder = folders.next().unwrap().unwrap().path();
    assert_eq!((mode(&wish.work), mode(&folder)), (0o700, 0o700));
    assert_eq!(mode(&folder.join("keys.sqlite")), 0o600);
    drop(extracted);
    assert_eq!(fs::read_dir(&wish.work).unwrap().count(), 0);
}

#[test]
fn a_damaged_copy_does_not_take_the_place_of_its_session() {
    let (good, worse) = at_indexes();
    let folder = tempfile::tempdir().unwrap();
    // The same session under another sender's name.
    let copy = good.replace("nkGoGuQBtbWqUGlp7", "nkGoGuQBtbWqUGlp8");
    assert_ne!(copy, good);
    fs::write(folder.path().join("db"), [worse, copy, good].join("\u{0}")).unwrap();
    let extracted = extract(&Wish {
        skip_errors: true,
        ..wish(folder.path())
    })
    .unwrap();
    assert_eq!(extracted.total().unwrap(), 2);
    let rooms = extracted.by_room().unwrap();
    let [(room, 1)] = &*rooms else {
        panic!("{rooms:?}")
    };
    let keys = extracted.of_room(room).unwrap();
    assert_eq!((keys.len(), keys[0].first_known_index), (1, 2));
}

#[test]
fn it_ends_when_it_is_asked_to() {
    let fixture = Fixture::new("v5-none");
    let wish = fixture.wish();
    wish.job.stop();
    assert!(matches!(extract(&wish), Err(crate::Error::Stopped)));
}
