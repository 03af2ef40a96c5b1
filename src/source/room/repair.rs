//! From what Synapse answers to the PDU as it was signed: what it added is cut out, and the hashes prove it.

use ruma::{
    CanonicalJsonObject, CanonicalJsonValue, OwnedEventId, OwnedRoomId, RoomId, RoomVersionId,
    room_version_rules::RoomVersionRules,
};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::model::{event_line::EventLine, pdu};

/// A repaired event and what is known about the repair.
#[derive(Debug)]
pub struct Repaired {
    /// The event as the bundle holds it.
    pub line: EventLine,
    /// Whether the content is the signed one. It isn't for a redacted event, and that is as it should be.
    pub content_is_original: bool,
}

/// What Synapse says about the event, partly in fields of its own.
#[derive(Deserialize)]
struct Served {
    event_id: OwnedEventId,
    #[serde(rename = "type")]
    kind: String,
    room_id: Option<OwnedRoomId>,
    #[serde(default)]
    unsigned: Unsigned,
}

#[derive(Default, Deserialize)]
struct Unsigned {
    redacted_by: Option<OwnedEventId>,
    redacted_because: Option<EventId>,
    #[serde(default, rename = "io.element.synapse.soft_failed")]
    soft_failed: bool,
}

#[derive(Deserialize)]
struct EventId {
    event_id: OwnedEventId,
}

/// One way to undo what Synapse does to redactions: it writes `redacts` at the top and into the content.
#[derive(Clone, Copy)]
enum Redacts {
    Both,
    TopOnly,
    ContentOnly,
}

/// Repairs one event of `room`. The error is a clause for the list of problems.
pub fn repair(
    served: &RawValue,
    room: &RoomId,
    version: &RoomVersionId,
) -> Result<Repaired, String> {
    let says: Served = serde_json::from_str(served.get()).map_err(|error| error.to_string())?;
    let rules = pdu::rules(version).map_err(|error| error.to_string())?;
    if says.room_id.as_ref().is_some_and(|id| id != room) {
        return Err(format!(
            "Synapse serves it in {room}, but it is of another room"
        ));
    }
    let redacted_by = says.unsigned.redacted_by.or(says
        .unsigned
        .redacted_because
        .map(|because| because.event_id));
    let base = pdu::without_fields(served, &added(&says.kind, &rules))
        .map_err(|error| error.to_string())?;

    let mut second_best = None;
    let mut reason = String::new();
    for way in ways(&says.kind, &rules) {
        let candidate = apply(&base, *way).map_err(|error| error.to_string())?;
        let id = pdu::event_id(&candidate, version);
        match id {
            Ok(id) if id == says.event_id => {}
            Ok(id) => {
                reason = format!("its hash makes it {id}");
                continue;
            }
            Err(error) => {
                reason = error.to_string();
                continue;
            }
        }
        let content_is_original = content_hash_matches(&candidate);
        let repaired = Repaired {
            line: EventLine {
                room_id: room.to_owned(),
                event_id: says.event_id.clone(),
                outlier: false,
                rejected: false,
                soft_failed: says.unsigned.soft_failed,
                redacted_by: redacted_by.clone(),
                pdu: candidate,
            },
            content_is_original,
        };
        if content_is_original {
            return Ok(repaired);
        }
        second_best.get_or_insert(repaired);
    }
    second_best.ok_or(reason)
}

/// Top-level fields that are never part of the signed event.
fn added(kind: &str, rules: &RoomVersionRules) -> Vec<&'static str> {
    let mut added = vec!["unsigned"];
    if !rules.event_format.require_event_id {
        added.push("event_id");
    }
    if kind == "m.room.create" && !rules.event_format.require_room_create_room_id {
        added.push("room_id");
    }
    added
}

/// What to try, the likeliest first: redactions moved into the content with version 11.
fn ways(kind: &str, rules: &RoomVersionRules) -> &'static [Redacts] {
    if kind != "m.room.redaction" {
        &[Redacts::Both]
    } else if rules.redaction.content_field_redacts {
        &[Redacts::ContentOnly, Redacts::Both, Redacts::TopOnly]
    } else {
        &[Redacts::TopOnly, Redacts::Both, Redacts::ContentOnly]
    }
}

fn apply(base: &RawValue, way: Redacts) -> Result<Box<RawValue>, pdu::PduError> {
    match way {
        Redacts::Both => Ok(base.to_owned()),
        Redacts::TopOnly => pdu::without_content_fields(base, &["redacts"]),
        Redacts::ContentOnly => pdu::without_fields(base, &["redacts"]),
    }
}

fn content_hash_matches(pdu: &RawValue) -> bool {
    let Ok(object) = serde_json::from_str::<CanonicalJsonObject>(pdu.get()) else {
        return false;
    };
    let Some(CanonicalJsonValue::Object(hashes)) = object.get("hashes") else {
        return false;
    };
    let Some(CanonicalJsonValue::String(said)) = hashes.get("sha256") else {
        return false;
    };
    ruma::signatures::content_hash(&object).is_ok_and(|hash| hash.encode() == *said)
}

/// Empties a redacted event whose old content Synapse served.
pub fn redact(line: &mut EventLine, version: &RoomVersionId) -> Result<(), String> {
    let rules = pdu::rules(version).map_err(|error| error.to_string())?;
    let object: CanonicalJsonObject =
        serde_json::from_str(line.pdu.get()).map_err(|error| error.to_string())?;
    let object = ruma::canonical_json::redact(object, &rules.redaction, None)
        .map_err(|error| error.to_string())?;
    line.pdu = serde_json::value::to_raw_value(&object).map_err(|error| error.to_string())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
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
        repair(&raw, ROOM.try_into().unwrap(), version)
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
            let mut event =
                json!({"type": "m.room.redaction", "room_id": ROOM, "content": content});
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
            assert!(repaired.content_is_original);
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

        let old =
            json!({"type": "x", "room_id": ROOM, "event_id": "$1:example.org", "content": {}});
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
        let mut line = repaired(&version, &served).unwrap().line;
        assert_eq!(
            line.redacted_by.as_deref().map(ruma::EventId::as_str),
            Some("$why")
        );
        redact(&mut line, &version).unwrap();
        assert!(!line.pdu.get().contains("secret"));
        assert_eq!(pdu::event_id(&line.pdu, &version).unwrap(), id);
        // As `messages` serves it.
        served["content"] = json!({});
        let repaired = repaired(&version, &served).unwrap();
        assert!(!repaired.content_is_original);
        assert_eq!(repaired.line.event_id, id);
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
            "Synapse serves it in !r:example.org, but it is of another room"
        );
    }

    proptest! {
        #[test]
        fn any_text_is_repaired_or_refused(text in ".{0,60}", version in 1..13_u8) {
            let version = RoomVersionId::try_from(version.to_string()).unwrap();
            for text in [text.clone(), json!({"event_id": "$x", "type": text, "hashes": text, "content": [text]}).to_string()] {
                if let Ok(raw) = RawValue::from_string(text) {
                    let _either = repair(&raw, ROOM.try_into().unwrap(), &version);
                }
            }
        }
    }
}
