//! What is handed over for one who waits: the event, and what they see of the room.

use std::collections::BTreeMap;

use ruma::{OwnedEventId, RoomId, RoomVersionId, UserId};
use serde::{Deserialize, Serialize};
use serde_json::{Value, value::RawValue};

use super::read;
use crate::{
    Error, Result,
    bundle::Bundle,
    migration::plan::RoomPlan,
    model::{
        pdu::{self, PduHeader},
        pending::Pending,
    },
};

/// What people see of a room that they are not in, as the specification recommends it ("Stripped state").
const SEEN: [&str; 8] = [
    "m.room.avatar",
    "m.room.canonical_alias",
    "m.room.create",
    "m.room.encryption",
    "m.room.join_rules",
    "m.room.member",
    "m.room.name",
    "m.room.topic",
];

/// An invite, or what a knock is made from.
#[derive(Debug)]
pub enum Letter {
    /// The event goes as it is.
    Invite {
        /// The room's version.
        version: RoomVersionId,
        /// The event.
        event_id: OwnedEventId,
        /// The event in the federation format.
        pdu: Box<RawValue>,
        /// Stripped state.
        view: Vec<Box<RawValue>>,
    },
    /// The user knocks anew.
    Knock {
        /// The room's version.
        version: RoomVersionId,
        /// The knock on Synapse.
        knock: PduHeader,
        /// What they said when they knocked.
        reason: Option<String>,
        /// Each event of the stripped state, as a PDU where the bundle has the event: Tuwunel keeps only those.
        view: Vec<Box<RawValue>>,
    },
}

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

#[derive(Debug, Deserialize)]
struct Said {
    reason: Option<String>,
}

impl Letter {
    /// Reads it from the bundle; blocks.
    pub fn read(bundle: &Bundle, room: &RoomPlan, user: &UserId) -> Result<Self> {
        let pending = entry(bundle, &room.room_id, user)?;
        let view = view(bundle, &pending)?;
        let missing = |what: &str| {
            Error::Target(format!(
                "the bundle does not have {what} of what waits there: export again"
            ))
        };
        let version = room.version.clone().ok_or_else(|| missing("the version"))?;
        let pdu = pending.pdu.ok_or_else(|| missing("the event"))?;
        if pending.membership == "invite" {
            return Ok(Self::Invite {
                version,
                event_id: pending.event_id,
                pdu,
                view,
            });
        }
        let unreadable = |error: &dyn std::fmt::Display| {
            Error::Target(format!(
                "{} can't be read in the bundle ({error}): export again",
                pending.event_id
            ))
        };
        let content = pdu::content(&pdu).map_err(|error| unreadable(&error))?;
        let said = serde_json::from_str::<Said>(content.get());
        Ok(Self::Knock {
            version,
            knock: PduHeader::of(&pdu).map_err(|error| unreadable(&error))?,
            reason: said.ok().and_then(|said| said.reason),
            view: pdus(bundle, &room.room_id, view)?,
        })
    }
}

/// What waits for a user in a room.
pub(super) fn entry(bundle: &Bundle, room: &RoomId, user: &UserId) -> Result<Pending> {
    let mut of_user = read::of(bundle, user)?;
    of_user.remove(room).ok_or_else(|| {
        Error::Target(format!(
            "nothing of {user} waits in the bundle: export again"
        ))
    })
}

/// The stripped state as it came with the event; if the export could not see that, what the room's state is now.
pub(super) fn view(bundle: &Bundle, pending: &Pending) -> Result<Vec<Box<RawValue>>> {
    let Some(seen) = &pending.stripped_state else {
        return of_room(bundle, pending);
    };
    let four = seen.iter().filter_map(|event| four(event).transpose());
    four.collect()
}

fn of_room(bundle: &Bundle, pending: &Pending) -> Result<Vec<Box<RawValue>>> {
    let sender = pending.pdu.as_ref().map(|pdu| PduHeader::of(pdu));
    let sender = sender.and_then(std::result::Result::ok);
    let sender = sender.as_ref().map(|header| header.sender.as_str());
    // Of a room that Synapse knows from the invite alone there is none.
    let state = bundle.room_state(&pending.room_id).unwrap_or_default();
    let seen = state.iter().filter(|raw| {
        serde_json::from_str::<Chosen>(raw.get()).is_ok_and(|event| {
            SEEN.contains(&event.kind.as_str())
                && match event.kind.as_str() {
                    "m.room.member" => {
                        Some(event.state_key.as_str()) == sender
                            && event.state_key != pending.user_id.as_str()
                    }
                    _ => event.state_key.is_empty(),
                }
        })
    });
    let four = seen.filter_map(|event| four(event).transpose());
    four.collect()
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
fn pdus(
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
