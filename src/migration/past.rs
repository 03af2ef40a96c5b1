//! Opening the past: the target ignores events that are older than the first event that it has of a room, which after
//! the join is the new join event. One old event, imported as backfill, becomes the first one and lets the rest in.

use ruma::{OwnedEventId, RoomVersionId};

use crate::{
    Error, Result,
    model::pdu::rules,
    resident::{OpenRoom, Resident},
    target::admin_room::AdminRoom,
};

/// What the target replies once an event is in: the event being readable is no proof, it may be an outlier.
const HANDLED: &str = "handled as backfilled";

/// The events to import before the replay, in this order. They are not sent again.
///
/// The first is the oldest event that the target can import: the create event, or in version 12, whose create event
/// doesn't name its room and is refused, the one after it. Where a bridge's event claims to be even older, that one
/// follows: the target compares `origin_server_ts` with the event that was imported last.
#[must_use]
pub fn openers(room: &OpenRoom) -> Vec<OwnedEventId> {
    let create_is_nameless = is_nameless(&room.version);
    let Some(first) = room.timeline.iter().find(|id| {
        !(create_is_nameless
            && room
                .event(id)
                .is_some_and(|event| event.header.kind == "m.room.create"))
    }) else {
        return Vec::new();
    };
    let ts = |id: &OwnedEventId| {
        room.event(id)
            .map_or(u64::MAX, |event| event.header.origin_server_ts)
    };
    let mut openers = vec![first.clone()];
    let oldest = room
        .timeline
        .iter()
        .filter(|id| !is_create(room, id))
        .min_by_key(|id| ts(id));
    if let Some(oldest) = oldest
        && ts(oldest) < ts(first)
    {
        openers.push(oldest.clone());
    }
    openers
}

/// Whether create events of this version don't name their room, so that they can't travel alone.
#[must_use]
pub fn is_nameless(version: &RoomVersionId) -> bool {
    rules(version).is_ok_and(|rules| rules.authorization.room_create_event_id_as_room_id)
}

/// Whether an event is the room's create event.
#[must_use]
pub fn is_create(room: &OpenRoom, id: &OwnedEventId) -> bool {
    room.event(id)
        .is_some_and(|event| event.header.state_pair() == Some(("m.room.create", "")))
}

/// Imports the openers through the admin room.
pub async fn open(admin: &AdminRoom, resident: &Resident, room: &OpenRoom) -> Result<()> {
    for event in openers(room) {
        let command = format!("debug get-remote-pdu {event} {}", resident.identity.name);
        let reply = admin.run(&command).await?;
        if !reply.contains(HANDLED) {
            return Err(Error::Target(format!(
                "the target did not take the room's first event {event}: {}",
                reply.lines().next().unwrap_or("it said nothing")
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use ruma::{owned_event_id, owned_room_id, owned_user_id};
    use serde_json::{json, value::to_raw_value};

    use super::*;
    use crate::{
        migration::plan::JoinPoint,
        model::event_line::EventLine,
        resident::open_room::{Opening, StateMap},
    };

    fn room(version: RoomVersionId, events: &[(&str, &str, u64)]) -> OpenRoom {
        let lines = events.iter().map(|(id, kind, ts)| EventLine {
            room_id: owned_room_id!("!r:x"),
            event_id: OwnedEventId::try_from(*id).unwrap(),
            outlier: false,
            rejected: false,
            soft_failed: false,
            redacted_by: None,
            pdu: to_raw_value(&json!({
                "type": kind, "state_key": "", "sender": "@a:x", "origin_server_ts": ts, "depth": 1,
                "prev_events": [], "auth_events": [], "content": {},
            }))
            .unwrap(),
        });
        let opening = Opening {
            room_id: owned_room_id!("!r:x"),
            version,
            joiner: owned_user_id!("@a:x"),
            join: JoinPoint::Current,
            forward_extremities: Vec::new(),
            current_state: StateMap::new(),
        };
        let (room, unreadable) = OpenRoom::new(opening, lines);
        assert!(unreadable.is_empty());
        room
    }

    const EVENTS: [(&str, &str, u64); 3] = [
        ("$0", "m.room.create", 10),
        ("$1", "m.room.topic", 11),
        ("$2", "m.room.name", 12),
    ];

    #[test]
    fn the_create_event_opens_the_past() {
        assert_eq!(
            openers(&room(RoomVersionId::V10, &EVENTS)),
            [owned_event_id!("$0")]
        );
    }

    #[test]
    fn a_nameless_create_event_leaves_it_to_the_next() {
        assert_eq!(
            openers(&room(RoomVersionId::V12, &EVENTS)),
            [owned_event_id!("$1")]
        );
    }

    #[test]
    fn an_event_that_claims_to_be_older_comes_last() {
        let mut events = EVENTS.to_vec();
        events.push(("$3", "m.room.pinned_events", 5));
        assert_eq!(
            openers(&room(RoomVersionId::V10, &events)),
            [owned_event_id!("$0"), owned_event_id!("$3")]
        );
    }

    #[test]
    fn a_room_without_events_has_none() {
        assert!(openers(&room(RoomVersionId::V10, &[])).is_empty());
    }
}
