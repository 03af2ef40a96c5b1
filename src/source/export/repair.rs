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
pub(super) struct Repaired {
    /// The event as the bundle holds it.
    pub(super) line: EventLine,
    /// Whether the content is the signed one. It isn't for a redacted event, and that is as it should be.
    pub(super) content_is_original: bool,
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
pub(super) fn repair(
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
pub(super) fn redact(line: &mut EventLine, version: &RoomVersionId) -> Result<(), String> {
    let rules = pdu::rules(version).map_err(|error| error.to_string())?;
    let object: CanonicalJsonObject =
        serde_json::from_str(line.pdu.get()).map_err(|error| error.to_string())?;
    let object = ruma::canonical_json::redact(object, &rules.redaction, None)
        .map_err(|error| error.to_string())?;
    line.pdu = serde_json::value::to_raw_value(&object).map_err(|error| error.to_string())?;
    Ok(())
}
