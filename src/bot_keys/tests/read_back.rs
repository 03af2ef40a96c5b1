//! `extracted-keys.json`, read back.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::bot_keys::{read::read, write::write_json};

fn refusal(content: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("extracted-keys.json");
    fs::write(&path, content).unwrap();
    sentence(read(&path, folder.path()), folder.path())
}

#[test]
fn the_file_has_all_that_the_store_has() {
    let fixture = Fixture::new("v7-empty");
    let path = fixture.folder.path().join("extracted-keys.json");
    write_json(&fixture.extract().unwrap(), &path).unwrap();
    let again = read(&path, fixture.folder.path()).unwrap();
    assert_eq!(keys(&again), fixture.expected);
    let mut indexes = [Vec::new(), Vec::new()];
    for (list, extracted) in indexes.iter_mut().zip([again, fixture.extract().unwrap()]) {
        let each = |key: RoomKey| {
            list.push((key.session_id, key.first_known_index, key.proved));
            Ok(())
        };
        extracted.each_key(each).unwrap();
    }
    assert_eq!(indexes[0], indexes[1]);
}

#[test]
fn a_file_of_the_tool_before_is_read() {
    let fixture = Fixture::new("v5-empty");
    let mut by_room: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for ((room, ..), key) in &fixture.expected {
        by_room.entry(room).or_default().push(key);
    }
    let all: Vec<_> = fixture.expected.values().collect();
    let text = json!({
        "version": "1.0", "total_keys": all.len(), "failed_keys": 0,
        "keys_by_room": by_room, "all_keys": all,
    });
    let path = fixture.folder.path().join("extracted-keys.json");
    fs::write(&path, text.to_string()).unwrap();
    let again = read(&path, fixture.folder.path()).unwrap();
    assert_eq!(keys(&again), fixture.expected);
}

#[test]
fn what_is_no_such_file_is_told_without_its_content() {
    let key = json!({
        "algorithm": "m.megolm.v1.aes-sha2", "room_id": "!a:x", "sender_key": "abc", "session_id": "def",
        "session_key": "s3cret",
    });
    let lines = [
        refusal("{\"keys_by_room\": {\"!a:x\": [\"s3cret\"]}}"),
        refusal("{\"total_keys\": 3}"),
        refusal("{\"keys_by_room\": {}}"),
        refusal(&json!({"keys_by_room": {"!a:x": [key]}}).to_string()),
        refusal("{\"keys_by_room\": {}"),
    ];
    assert!(!lines.concat().contains("s3cret"));
    insta::assert_snapshot!(lines.join("\n"), @r"
    crypto store …/extracted-keys.json: it can't be read (line 1, column 35): extract the keys again
    crypto store …/extracted-keys.json: it can't be read (line 1, column 17): extract the keys again
    crypto store …/extracted-keys.json: no key is in it: extract the keys again
    crypto store …/extracted-keys.json: the key 1 in it, of !a:x, is no session: extract the keys again
    crypto store …/extracted-keys.json: it can't be read (line 1, column 19): extract the keys again
    ");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_file_is_an_answer(before in "[{}\\[\\]\":,a-z_ ]{0,40}", bytes: Vec<u8>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("extracted-keys.json");
        for start in [before.as_str(), r#"{"keys_by_room":{"!a:x":["#] {
            fs::write(&path, [start.as_bytes(), &bytes].concat()).unwrap();
            prop_assert!(read(&path, folder.path()).is_err());
        }
    }
}
