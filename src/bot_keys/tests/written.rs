//! The files that are written, read back by those for whom they are.

use std::os::unix::fs::PermissionsExt;

use matrix_sdk_crypto::decrypt_room_key_export;

use super::*;
use crate::bot_keys::write::{write_export, write_failed, write_json};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn the_export_is_one_that_clients_import() {
    let fixture = Fixture::new("v4-empty");
    let extracted = fixture.extract().unwrap();
    let path = fixture.folder.path().join("keys.txt");
    write_export(&extracted, &path, &SecretString::from("a passphrase")).unwrap();
    assert_eq!(mode(&path), 0o600);
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.lines().all(|line| line.len() <= 96));
    let read = decrypt_room_key_export(text.as_bytes(), "a passphrase").unwrap();
    let mut read = by_name(read.iter().map(|key| serde_json::to_value(key).unwrap()));
    for key in read.values_mut() {
        key.as_object_mut().unwrap().remove("m.shared_history");
    }
    assert_eq!(read, fixture.expected);
    assert!(decrypt_room_key_export(text.as_bytes(), "another").is_err());
    assert!(!text.contains("example.org"));
}

#[test]
fn each_key_stands_once_in_the_json() {
    let fixture = Fixture::new("v7-none");
    let extracted = fixture.extract().unwrap();
    let path = fixture.folder.path().join("extracted-keys.json");
    write_json(&extracted, &path).unwrap();
    assert_eq!(mode(&path), 0o600);
    let json: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    assert_eq!(json["total_keys"], SESSIONS);
    assert_eq!(json["failed_keys"], 0);
    let rooms = json["keys_by_room"].as_object().unwrap();
    assert_eq!(rooms.len(), 3);
    let all = rooms.values().flat_map(|keys| keys.as_array().unwrap());
    assert_eq!(by_name(all.cloned()), fixture.expected);
    for (room, keys) in rooms {
        assert!(
            keys.as_array()
                .unwrap()
                .iter()
                .all(|key| key["room_id"] == *room)
        );
    }
}

#[test]
fn what_is_broken_is_written_down() {
    let fixture = Fixture::new("v5-none");
    let mut log = fs::read(fixture.log()).unwrap();
    let at = memchr::memmem::rfind(&log, br#"{"pickle":{"init"#).unwrap();
    log[at + 80] = b'!';
    fs::write(fixture.log(), log).unwrap();
    let extracted = fixture.skipping().unwrap();
    let path = fixture.folder.path().join("failed-sessions.json");
    write_failed(&extracted, &path).unwrap();
    assert_eq!(mode(&path), 0o600);
    let json: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let sessions = json["sessions"].as_array().unwrap();
    assert_eq!(json["total_failed"], sessions.len());
    let entry = sessions.iter().find(|it| it["offset"] == at).unwrap();
    assert_eq!(entry["file"], "db");
    assert!(entry["index"].is_u64() && entry["key_hex"].is_string());
    insta::assert_snapshot!(entry["error"].as_str().unwrap(), @"it is no JSON from byte 81 on");
}
