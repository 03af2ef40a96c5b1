//! From what Synapse answers to the PDU as it was signed: what it added is cut out, and the hashes prove it.

use ruma::{OwnedEventId, RoomId, RoomVersionId, room_version_rules::RoomVersionRules};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::model::{
    event_line::EventLine,
    pdu::{self, ContentHash, Opened, Ordered},
};

const DIFFERENT: &str = "its content hash does not match: other servers will empty it";
const CONTENT_UNKNOWN: &str =
    "it has numbers that canonical JSON doesn't have, so its content hash can't be checked";
const ID_UNKNOWN: &str =
    "it has numbers that canonical JSON doesn't have, so its event ID can't be checked";

/// A repaired event and what is known about the repair.
#[derive(Debug, Clone)]
pub struct Repaired {
    /// The event as the bundle holds it.
    pub line: EventLine,
    /// Why it may not be the event that was signed, as a clause for the list of problems. A redacted event is what it
    /// should be without its content.
    pub doubt: Option<&'static str>,
}

/// What Synapse says about the event, partly in fields of its own.
#[derive(Deserialize)]
struct Served {
    event_id: Option<OwnedEventId>,
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

/// An event as Synapse's database holds it.
#[derive(Debug, Clone, Copy)]
pub struct Stored<'a> {
    /// `event_json.json`.
    pub json: &'a str,
    /// `event_json.internal_metadata`.
    pub metadata: &'a str,
    /// The ID that it is stored under.
    pub event_id: &'a ruma::EventId,
    /// Whether Synapse refused it.
    pub rejected: bool,
    /// The redaction that Synapse obeys.
    pub redacted_by: Option<&'a ruma::EventId>,
}

/// What Synapse notes of an event beside it.
#[derive(Default, Deserialize)]
struct Metadata {
    #[serde(default)]
    soft_failed: bool,
}

/// Whether these notes of Synapse's (`event_json.internal_metadata`) say that it hides the event.
pub fn is_soft_failed(metadata: &str) -> bool {
    serde_json::from_str::<Metadata>(metadata).is_ok_and(|notes| notes.soft_failed)
}

/// The redaction that an event names which the API serves.
pub fn redacted_by(served: &RawValue) -> Option<OwnedEventId> {
    let unsigned = serde_json::from_str::<Served>(served.get()).ok()?.unsigned;
    let because = unsigned.redacted_because;
    unsigned
        .redacted_by
        .or(because.map(|because| because.event_id))
}

/// Repairs one event of `room` as the API serves it. The error is a clause for the list of problems.
///
/// `redacted_by` is a redaction of it that Synapse does not tell of in the event itself.
pub fn repair(
    served: &RawValue,
    room: &RoomId,
    version: &RoomVersionId,
    redacted_by: Option<OwnedEventId>,
) -> Result<Repaired, String> {
    let says: Served = serde_json::from_str(served.get()).map_err(|error| error.to_string())?;
    let redacted_by = says
        .unsigned
        .redacted_by
        .clone()
        .or(says
            .unsigned
            .redacted_because
            .as_ref()
            .map(|because| because.event_id.clone()))
        .or(redacted_by);
    let soft_failed = says.unsigned.soft_failed;
    let id = says.event_id.clone().ok_or("it has no event ID")?;
    let claim = Claim {
        event_id: &id,
        room_id: room,
        is_redacted: redacted_by.is_some(),
    };
    let signed = proven(served.get(), &claim, version, serving)?;
    Ok(Repaired {
        doubt: signed.doubt,
        line: EventLine {
            room_id: room.to_owned(),
            event_id: id,
            outlier: false,
            rejected: false,
            soft_failed,
            redacted_by,
            ts: None,
            pdu: signed.pdu,
        },
    })
}

/// The same for an event as the database holds it.
///
/// Synapse stores it as it was signed, with `unsigned`.
pub fn restore(
    stored: &Stored<'_>,
    room: &RoomId,
    version: &RoomVersionId,
) -> Result<Repaired, String> {
    let metadata: Metadata = serde_json::from_str(stored.metadata)
        .map_err(|error| format!("Synapse's notes on it can't be read: {error}"))?;
    let claim = Claim {
        event_id: stored.event_id,
        room_id: room,
        is_redacted: stored.redacted_by.is_some(),
    };
    let signed = proven(stored.json, &claim, version, storing)?;
    Ok(Repaired {
        doubt: signed.doubt,
        line: EventLine {
            room_id: room.to_owned(),
            event_id: stored.event_id.to_owned(),
            outlier: false,
            rejected: stored.rejected,
            soft_failed: metadata.soft_failed,
            redacted_by: stored.redacted_by.map(ToOwned::to_owned),
            ts: None,
            pdu: signed.pdu,
        },
    })
}

/// What an event is to be.
struct Claim<'a> {
    event_id: &'a ruma::EventId,
    room_id: &'a RoomId,
    is_redacted: bool,
}

/// An event as it was signed, or emptied.
struct Signed {
    pdu: Box<RawValue>,
    doubt: Option<&'static str>,
}

/// Cuts until the hashes fit; a redacted event is emptied, whether Synapse had done so or not.
fn proven(
    event: &str,
    claim: &Claim<'_>,
    version: &RoomVersionId,
    ways: fn(&str, &RoomVersionRules) -> &'static [Redacts],
) -> Result<Signed, String> {
    let rules = pdu::rules(version).map_err(|error| error.to_string())?;
    let opened = Opened::of(event).map_err(|error| error.to_string())?;
    let text = |name| opened.text(name).map_err(|error| error.to_string());
    let kind = text("type")?.ok_or("it has no type")?;
    if text("room_id")?.is_some_and(|id| *id != *claim.room_id) {
        return Err(format!(
            "Synapse has it in {}, but it is of another room",
            claim.room_id
        ));
    }
    let base = opened
        .without(&added(&kind, &rules))
        .map_err(|error| error.to_string())?;
    let (mut best, mut second_best, mut third_best) = (None, None, None);
    let mut reason = String::new();
    for way in ways(&kind, &rules) {
        let changed = apply(&base, *way).map_err(|error| error.to_string())?;
        let hashes = match &changed {
            Some(changed) => Ordered::without(changed.get(), &[])
                .and_then(|candidate| candidate.hashes(version, &rules)),
            None => base.hashes(version, &rules),
        };
        match hashes {
            Ok(hashes) if hashes.event_id != claim.event_id => {
                reason = format!("its hash makes it {}", hashes.event_id);
                if hashes.content == ContentHash::Unknown {
                    // Its bytes are all there is to go by.
                    third_best.get_or_insert((changed, Some(ID_UNKNOWN)));
                }
            }
            Ok(hashes) => match hashes.content {
                ContentHash::Original => {
                    best = Some((changed, None));
                    break;
                }
                ContentHash::Different => {
                    second_best.get_or_insert((changed, Some(DIFFERENT)));
                }
                ContentHash::Unknown => {
                    second_best.get_or_insert((changed, Some(CONTENT_UNKNOWN)));
                }
            },
            Err(error) => reason = error.to_string(),
        }
    }
    let (changed, doubt) = best.or(second_best).or(third_best).ok_or(reason)?;
    let pdu = match changed {
        Some(pdu) => pdu,
        None => base.into_raw().map_err(|error| error.to_string())?,
    };
    if claim.is_redacted {
        return Ok(Signed {
            pdu: emptied(&pdu, claim.event_id, version)?,
            doubt: None,
        });
    }
    Ok(Signed { pdu, doubt })
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

/// What to try with an event of the API, the likeliest first: redactions moved into the content with version 11.
fn serving(kind: &str, rules: &RoomVersionRules) -> &'static [Redacts] {
    if kind != "m.room.redaction" {
        &[Redacts::Both]
    } else if rules.redaction.content_field_redacts {
        &[Redacts::ContentOnly, Redacts::Both, Redacts::TopOnly]
    } else {
        &[Redacts::TopOnly, Redacts::Both, Redacts::ContentOnly]
    }
}

/// The same with an event of the database.
fn storing(kind: &str, rules: &RoomVersionRules) -> &'static [Redacts] {
    if kind != "m.room.redaction" {
        &[Redacts::Both]
    } else if rules.redaction.content_field_redacts {
        &[Redacts::Both, Redacts::ContentOnly, Redacts::TopOnly]
    } else {
        &[Redacts::Both, Redacts::TopOnly, Redacts::ContentOnly]
    }
}

/// The event without what Synapse added; `None` if nothing is to be changed. The order of its fields stays.
fn apply(base: &Ordered<'_>, way: Redacts) -> Result<Option<Box<RawValue>>, pdu::PduError> {
    match way {
        Redacts::Both => Ok(None),
        Redacts::TopOnly => {
            pdu::without_content_fields(serde_json::from_str(base.get())?, &["redacts"]).map(Some)
        }
        Redacts::ContentOnly => {
            pdu::without_fields(serde_json::from_str(base.get())?, &["redacts"]).map(Some)
        }
    }
}

/// Empties an event by the rules of redactions. The result is canonical JSON, so that it doesn't matter who emptied it.
///
/// So it is done with what is redacted, and with what an erased user has said: Synapse shows that to nobody who was not
/// there (`visibility.py`), another server neither, and the next server was not there.
pub fn empty(line: &mut EventLine, version: &RoomVersionId) -> Result<(), String> {
    line.pdu = emptied(&line.pdu, &line.event_id, version)?;
    Ok(())
}

fn emptied(
    pdu: &RawValue,
    event_id: &ruma::EventId,
    version: &RoomVersionId,
) -> Result<Box<RawValue>, String> {
    let rules = pdu::rules(version).map_err(|error| error.to_string())?;
    let (object, is_whole) = pdu::canonical(pdu.get()).map_err(|error| error.to_string())?;
    let object = ruma::canonical_json::redact(object, &rules.redaction, None)
        .map_err(|error| error.to_string())?;
    let emptied = serde_json::value::to_raw_value(&object).map_err(|error| error.to_string())?;
    let is_same = || pdu::event_id(&emptied, version).is_ok_and(|id| id == *event_id);
    if !is_whole && !is_same() {
        return Err(ID_UNKNOWN.to_owned());
    }
    Ok(emptied)
}

#[cfg(test)]
mod tests {
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
}
