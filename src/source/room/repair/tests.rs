//! Repairs of events as Synapse serves and stores them.

use proptest::prelude::*;
use ruma::CanonicalJsonObject;
use serde_json::{Value, json};

use super::*;

const ROOM: &str = "!r:example.org";

/// The signed form, and its ID.
fn signed(version: &RoomVersionId, mut event: Value) -> (OwnedEventId, Value) {
    for (key, value) in [
        ("sender", json!("@a:example.org")),
        ("origin_server_ts", json!(1)),
        ("depth", json!(1)),
        ("prev_events", json!([])),
        ("auth_events", json!([])),
    ] {
        event[key] = value;
    }
    let mut object: CanonicalJsonObject = serde_json::from_value(event).unwrap();
    ruma::signatures::add_content_hash_to_event(&mut object).unwrap();
    let event = serde_json::to_value(object).unwrap();
    let raw = serde_json::value::to_raw_value(&event).unwrap();
    (pdu::event_id(&raw, version).unwrap(), event)
}

fn repaired(version: &RoomVersionId, served: &Value) -> Result<Repaired, String> {
    let raw = serde_json::value::to_raw_value(served).unwrap();
    repair(&raw, ROOM.try_into().unwrap(), version, None)
}

/// As the database holds it: without the fields that only the API adds.
fn restored(
    version: &RoomVersionId,
    served: &Value,
    redacted_by: Option<&str>,
) -> Result<Repaired, String> {
    let mut stored = served.clone();
    let id = OwnedEventId::try_from(served["event_id"].as_str().unwrap()).unwrap();
    if *version != RoomVersionId::V1 {
        stored.as_object_mut().unwrap().remove("event_id");
    }
    let redacted_by = redacted_by.map(|id| id.try_into().unwrap());
    let stored = Stored {
        json: &stored.to_string(),
        metadata: r#"{"soft_failed":true}"#,
        event_id: &id,
        rejected: true,
        redacted_by,
    };
    restore(&stored, ROOM.try_into().unwrap(), version)
}

fn pdu(repaired: &Repaired) -> Value {
    serde_json::from_str(repaired.line.pdu.get()).unwrap()
}

#[test]
fn redactions_lose_the_field_that_synapse_added() {
    for (version, content, top) in [
        (RoomVersionId::V10, json!({}), json!("$x")),
        (RoomVersionId::V11, json!({"redacts": "$x"}), Value::Null),
        // A client wrote it into the content itself.
        (RoomVersionId::V10, json!({"redacts": "$x"}), json!("$x")),
    ] {
        let mut event = json!({"type": "m.room.redaction", "room_id": ROOM, "content": content});
        if !top.is_null() {
            event["redacts"] = top;
        }
        let (id, original) = signed(&version, event);
        let mut served = original.clone();
        served["redacts"] = json!("$x");
        served["content"]["redacts"] = json!("$x");
        served["event_id"] = json!(id);
        served["unsigned"] = json!({"age": 1});
        let repaired = repaired(&version, &served).unwrap();
        assert_eq!(repaired.doubt, None);
        assert_eq!(repaired.line.event_id, id);
        assert_eq!(pdu(&repaired), original);
    }
}

#[test]
fn a_version_12_create_event_loses_its_room_id_and_a_version_1_event_keeps_its_event_id() {
    let create =
        json!({"type": "m.room.create", "state_key": "", "content": {"room_version": "12"}});
    let (id, original) = signed(&RoomVersionId::V12, create);
    let mut served = original.clone();
    served["room_id"] = json!(ROOM);
    served["event_id"] = json!(id);
    assert_eq!(
        pdu(&repaired(&RoomVersionId::V12, &served).unwrap()),
        original
    );

    let old = json!({"type": "x", "room_id": ROOM, "event_id": "$1:example.org", "content": {}});
    let (id, original) = signed(&RoomVersionId::V1, old);
    assert_eq!(id, "$1:example.org");
    assert_eq!(
        pdu(&repaired(&RoomVersionId::V1, &original).unwrap()),
        original
    );
}

#[test]
fn a_redacted_event_is_known_by_its_id() {
    let version = RoomVersionId::V10;
    let (id, mut served) = signed(
        &version,
        json!({"type": "m.room.message", "room_id": ROOM, "content": {"body": "secret"}}),
    );
    served["event_id"] = json!(id);
    served["unsigned"] = json!({"redacted_because": {"event_id": "$why"}});
    // As `fetch_event` serves it: not emptied.
    let line = repaired(&version, &served).unwrap().line;
    assert_eq!(
        line.redacted_by.as_deref().map(ruma::EventId::as_str),
        Some("$why")
    );
    assert!(!line.pdu.get().contains("secret"));
    assert_eq!(pdu::event_id(&line.pdu, &version).unwrap(), id);
    // As `messages` serves it.
    served["content"] = json!({});
    let repaired = repaired(&version, &served).unwrap();
    assert_eq!(repaired.doubt, None);
    assert_eq!(repaired.line.event_id, id);
    // As the database holds it.
    served["content"] = json!({"body": "secret"});
    let restored = restored(&version, &served, Some("$why")).unwrap();
    assert_eq!(restored.line.pdu.get(), repaired.line.pdu.get());
    assert_eq!(restored.line.pdu.get(), line.pdu.get());
}

#[test]
fn the_database_has_events_as_they_were_signed_with_notes_beside_them() {
    for (version, event) in [
        (
            RoomVersionId::V10,
            json!({"type": "m.room.redaction", "room_id": ROOM, "redacts": "$x", "content": {"redacts": "$y"}}),
        ),
        (
            RoomVersionId::V11,
            json!({"type": "m.room.redaction", "room_id": ROOM, "content": {"redacts": "$x"}}),
        ),
        (
            RoomVersionId::V12,
            json!({"type": "m.room.create", "state_key": "", "content": {"room_version": "12"}}),
        ),
    ] {
        let (id, original) = signed(&version, event);
        let mut stored = original.clone();
        stored["event_id"] = json!(id);
        stored["unsigned"] = json!({"age_ts": 1});
        let restored = restored(&version, &stored, None).unwrap();
        assert_eq!(pdu(&restored), original);
        let line = restored.line;
        assert!(restored.doubt.is_none() && line.soft_failed && line.rejected);
    }
}

#[test]
fn numbers_that_canonical_json_does_not_have_are_carried_with_a_doubt() {
    // As Synapse makes them: the hash of the content is of Python's own text.
    for (version, redacts, doubt) in [
        (RoomVersionId::V1, json!("$x"), CONTENT_UNKNOWN),
        (RoomVersionId::V5, json!("$x"), CONTENT_UNKNOWN),
        (RoomVersionId::V5, json!(1.5), ID_UNKNOWN),
    ] {
        let mut event = json!({"type": "m.room.power_levels", "state_key": "", "room_id": ROOM,
                "content": {"x": null, "users_default": null}});
        if version == RoomVersionId::V1 {
            event["event_id"] = json!("$1:x");
        }
        let (id, mut served) = signed(&version, event);
        served["event_id"] = json!(id);
        served["content"]["x"] = json!(1.5);
        if redacts.is_f64() {
            // This one a redaction leaves.
            served["content"]["users_default"] = json!(2.5);
            served["event_id"] = json!("$other");
        }
        let repaired = repaired(&version, &served).unwrap();
        assert_eq!(repaired.doubt, Some(doubt), "{version}");
        assert_eq!(pdu(&repaired)["content"], served["content"]);
        let mut line = repaired.line;
        if redacts.is_f64() {
            assert_eq!(empty(&mut line, &version).unwrap_err(), ID_UNKNOWN);
        } else {
            empty(&mut line, &version).unwrap();
            assert!(!line.pdu.get().contains("1.5"));
            assert_eq!(pdu::event_id(&line.pdu, &version).unwrap(), line.event_id);
        }
    }
}

#[test]
fn unreadable_notes_are_a_reason() {
    let (id, event) = signed(
        &RoomVersionId::V10,
        json!({"type": "x", "room_id": ROOM, "content": {}}),
    );
    let stored = Stored {
        json: &event.to_string(),
        metadata: "",
        event_id: &id,
        rejected: false,
        redacted_by: None,
    };
    insta::assert_snapshot!(
        restore(&stored, ROOM.try_into().unwrap(), &RoomVersionId::V10).unwrap_err(),
        @"Synapse's notes on it can't be read: EOF while parsing a value at line 1 column 0"
    );
}

#[test]
fn what_can_not_be_proved_is_refused() {
    let version = RoomVersionId::V10;
    let (id, mut served) = signed(
        &version,
        json!({"type": "x", "room_id": ROOM, "content": {}}),
    );
    served["event_id"] = json!(id);
    served["depth"] = json!(2);
    let reason = repaired(&version, &served).unwrap_err();
    assert!(reason.starts_with("its hash makes it $"), "{reason}");
    served["room_id"] = json!("!other:example.org");
    assert_eq!(
        repaired(&version, &served).unwrap_err(),
        "Synapse has it in !r:example.org, but it is of another room"
    );
}

proptest! {
    #[test]
    fn any_text_is_repaired_or_refused(text in ".{0,60}", version in 1..13_u8) {
        let version = RoomVersionId::try_from(version.to_string()).unwrap();
        for text in [text.clone(), json!({"event_id": "$x", "type": text, "hashes": text, "content": [text]}).to_string()] {
            if let Ok(raw) = RawValue::from_string(text) {
                let _either = repair(&raw, ROOM.try_into().unwrap(), &version, None);
            }
        }
    }
}
