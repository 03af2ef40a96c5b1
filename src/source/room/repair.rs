//! From what Synapse answers to the PDU as it was signed: what it added is cut out, and the hashes prove it.

use ruma::{OwnedEventId, RoomId, RoomVersionId, room_version_rules::RoomVersionRules};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::model::{
    event_line::EventLine,
    pdu::{self, ContentHash, Opened, Ordered, PduHeader},
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
    /// What is read of it.
    pub header: PduHeader,
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
            ts: Some(signed.header.origin_server_ts),
            pdu: signed.pdu,
        },
        header: signed.header,
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
            ts: Some(signed.header.origin_server_ts),
            pdu: signed.pdu,
        },
        header: signed.header,
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
    header: PduHeader,
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
    let read = || match changed {
        Some(pdu) => Ok((PduHeader::of(&pdu)?, pdu)),
        None => Ok((PduHeader::of_ordered(&base)?, base.into_raw()?)),
    };
    let (header, pdu) = read().map_err(|error: pdu::PduError| error.to_string())?;
    if claim.is_redacted {
        // All that the header has stays.
        return Ok(Signed {
            pdu: emptied(&pdu, claim.event_id, version)?,
            header,
            doubt: None,
        });
    }
    Ok(Signed { pdu, header, doubt })
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
    pdu::emptied(pdu, event_id, version).map_err(|error| match error {
        pdu::PduError::Numbers => ID_UNKNOWN.to_owned(),
        other => other.to_string(),
    })
}

#[cfg(test)]
mod tests;
