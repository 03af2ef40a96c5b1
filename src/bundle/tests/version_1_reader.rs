//! Every file of version 1 keeps its name and shape: a reader of version 1 finds what it knows in a bundle of today.
//!
//! Names and fields are those of the published schema (`bundle-schema.md`), with the `name` that its exporter adds.

use serde_json::Value;

use super::*;

/// Whether a value has all fields of the example, of the same types; null in the example takes any, and null fits any.
fn has(value: &Value, example: &Value, at: &str) {
    match (value, example) {
        (Value::Object(value), Value::Object(example)) => {
            for (key, example) in example {
                let found = value
                    .get(key)
                    .unwrap_or_else(|| panic!("{at} has no {key}"));
                has(found, example, &format!("{at}.{key}"));
            }
        }
        (Value::Array(value), Value::Array(example)) => {
            assert!(!value.is_empty(), "{at} is empty");
            for value in value {
                has(value, &example[0], at);
            }
        }
        (Value::Null, _) | (_, Value::Null) => {}
        (value, example) => assert_eq!(
            std::mem::discriminant(value),
            std::mem::discriminant(example),
            "{at} is {value}, not like {example}"
        ),
    }
}

#[test]
fn every_file_of_version_1_is_there_with_its_fields() {
    let tmp = tempfile::tempdir().unwrap();
    let out = tmp.path().join("b");
    full::write(&out);
    for (name, example) in [
        (
            "users.json",
            r#"[{"user_id":"","name":"","displayname":"","is_admin":true,"deactivated":false,"shadow_banned":false,
                "creation_ts":1,"threepids":null}]"#,
        ),
        (
            "rooms.json",
            r#"[{"room_id":"","name":"","canonical_alias":"","creator":"","join_rules":"","guest_access":"",
                "history_visibility":"","federatable":true,"public":false,"version":"9"}]"#,
        ),
        (
            "room_state.json",
            r#"{"!a:example.org":[{"type":"","state_key":"","content":{}}]}"#,
        ),
        (
            "memberships.json",
            r#"{"!a:example.org":{"@a:example.org":"join"}}"#,
        ),
        ("aliases.json", r##"{"#a:example.org":"!b:example.org"}"##),
        (
            "devices.json",
            r#"{"@a:example.org":{"devices":[{"device_id":"","display_name":"","last_seen_ts":1}]}}"#,
        ),
        (
            "metadata.json",
            r#"{"server_version":{"server_version":"1.0"},"users":1,"rooms":1,"devices_exported":true,
                "media_refs":true,"media_store_copied_bytes":1}"#,
        ),
        ("schema.json", r#"{"exporter_version":1,"files":[""]}"#),
        ("manifest.json", r#"{"users.json":"","rooms.json":""}"#),
    ] {
        let value: Value = serde_json::from_slice(&fs::read(out.join(name)).unwrap()).unwrap();
        has(&value, &serde_json::from_str(example).unwrap(), name);
    }
    assert!(out.join("report.html").is_file());
    let schema: Schema =
        serde_json::from_slice(&fs::read(out.join("schema.json")).unwrap()).unwrap();
    for file in [
        "users.json",
        "rooms.json",
        "room_state.json",
        "memberships.json",
        "aliases.json",
        "metadata.json",
        "devices.json",
        "media_refs.json",
    ] {
        assert!(
            schema.files.iter().any(|name| name == file),
            "{file} is not in schema.json"
        );
    }
}

#[test]
fn values_that_it_knows_are_those_that_were_written() {
    let tmp = tempfile::tempdir().unwrap();
    let out = tmp.path().join("b");
    full::write(&out);
    let read = |name: &str| -> Value {
        serde_json::from_slice(&fs::read(out.join(name)).unwrap()).unwrap()
    };
    let user = &read("users.json")[0];
    assert_eq!(
        (&user["name"], &user["is_admin"]),
        (&"@a:example.org".into(), &true.into())
    );
    assert_eq!(user["threepids"][0]["address"], "a@example.org");
    assert_eq!(
        read("devices.json")["@a:example.org"]["devices"][0]["device_id"],
        "D"
    );
    assert_eq!(
        read("room_state.json")["!a:example.org"][0]["content"]["name"],
        "x"
    );
    let metadata = read("metadata.json");
    assert_eq!(metadata["media_store_copied_bytes"], 7);
    assert_eq!(
        (&metadata["users"], &metadata["rooms"]),
        (&1.into(), &2.into())
    );
}
