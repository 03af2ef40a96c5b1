//! What somebody sees of a room that they are not in: stripped state.

use std::collections::BTreeMap;

use ruma::{OwnedEventId, RoomId};
use serde::{Deserialize, Serialize};
use serde_json::{Value, value::RawValue};

use crate::{
    Error, Result,
    bundle::Bundle,
    model::{pdu::PduHeader, pending::Pending},
};

/// What people see of a room that they are not in, beside the inviter: see the
/// specification, "Stripped state".
const SEEN: [&str; 7] = [
    "m.room.avatar",
    "m.room.canonical_alias",
    "m.room.create",
    "m.room.encryption",
    "m.room.join_rules",
    "m.room.name",
    "m.room.topic",
];

/// The four fields of a stripped state event, which a bundle has as its source wrote them.
#[derive(Debug, Deserialize, Serialize)]
struct Four<'a> {
    #[serde(borrow, rename = "type")]
    kind: &'a RawValue,
    #[serde(borrow)]
    state_key: &'a RawValue,
    #[serde(borrow)]
    sender: &'a RawValue,
    #[serde(borrow)]
    content: &'a RawValue,
}

/// Of an event of the room's state: what chooses it.
#[derive(Debug, Deserialize)]
struct Chosen {
    #[serde(rename = "type")]
    kind: String,
    state_key: String,
    event_id: OwnedEventId,
}

/// The stripped state as it came with the event; if the export could not see that, what the room's state is now.
pub(super) fn of(bundle: &Bundle, pending: &Pending) -> Result<Vec<Box<RawValue>>> {
    let Some(seen) = &pending.stripped_state else {
        return of_room(bundle, pending);
    };
    let four = seen.iter().filter_map(|event| four(event).transpose());
    four.collect()
}

fn of_room(bundle: &Bundle, pending: &Pending) -> Result<Vec<Box<RawValue>>> {
    // Of a room that Synapse knows from the invite alone there is none.
    let state = bundle.room_state(&pending.room_id).unwrap_or_default();
    let mut seen = Vec::new();
    for event in &state {
        let is_seen = serde_json::from_str::<Chosen>(event.get())
            .is_ok_and(|event| SEEN.contains(&event.kind.as_str()) && event.state_key.is_empty());
        if is_seen {
            seen.extend(four(event)?);
        }
    }
    if let Some(inviter) = inviter(bundle, pending)? {
        seen.extend(four(&inviter)?);
    }
    Ok(seen)
}

/// The inviter's membership when they invited: the invite names it among what allows it. Today they may have left.
fn inviter(bundle: &Bundle, pending: &Pending) -> Result<Option<Box<RawValue>>> {
    let Some(Ok(invite)) = pending.pdu.as_ref().map(|pdu| PduHeader::of(pdu)) else {
        return Ok(None);
    };
    if invite.sender == pending.user_id {
        return Ok(None);
    }
    for line in bundle.events(&pending.room_id)? {
        let line = line?;
        let is_named = invite
            .auth_events
            .iter()
            .any(|named| *named.id() == line.event_id);
        if is_named
            && let Ok(header) = PduHeader::of(&line.pdu)
            && header.state_pair() == Some(("m.room.member", invite.sender.as_str()))
        {
            return Ok(Some(line.pdu));
        }
    }
    Ok(None)
}

/// None if it lacks one of the fields: then it is no stripped state.
fn four(event: &RawValue) -> Result<Option<Box<RawValue>>> {
    let Ok(four) = serde_json::from_str::<Four<'_>>(event.get()) else {
        return Ok(None);
    };
    serde_json::value::to_raw_value(&four)
        .map(Some)
        .map_err(|error| {
            Error::Target(format!(
                "its stripped state can't be written ({error}): report this as a bug"
            ))
        })
}

/// Each event of a view as a PDU, where the room's state has the very same one.
pub(super) fn as_pdus(
    bundle: &Bundle,
    room: &RoomId,
    mut view: Vec<Box<RawValue>>,
) -> Result<Vec<Box<RawValue>>> {
    let value = |raw: &RawValue| serde_json::from_str::<Value>(raw.get()).unwrap_or_default();
    let mut places = BTreeMap::new();
    for event in bundle.room_state(room).unwrap_or_default() {
        let Some(same) = four(&event)? else { continue };
        let same = value(&same);
        if let Ok(chosen) = serde_json::from_str::<Chosen>(event.get())
            && let Some(place) = view.iter().position(|seen| value(seen) == same)
        {
            places.insert(chosen.event_id, place);
        }
    }
    for line in bundle.events(room)? {
        let line = line?;
        if let Some(place) = places.get(&line.event_id) {
            view[*place] = line.pdu;
        }
    }
    Ok(view)
}
