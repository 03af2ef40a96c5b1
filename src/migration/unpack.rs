//! A room of the bundle, as the resident serves it.

use ruma::{OwnedEventId, RoomId, UserId};

use super::{plan::JoinPoint, read_back};
use crate::{
    Error, Result,
    bundle::Bundle,
    model::{pdu::PduError, room::Room},
    resident::{OpenRoom, open_room::Opening},
};

/// Reads a room with everything that a join needs; unreadable events come beside it, each with its reason.
pub fn room(
    bundle: &Bundle,
    room: &Room,
    joiner: &UserId,
    join: &JoinPoint,
) -> Result<(OpenRoom, Vec<(OwnedEventId, PduError)>)> {
    let current_state = read_back::bundle_state(bundle, &room.room_id)?
        .into_iter()
        .map(|event| ((event.kind, event.state_key), event.event_id))
        .collect();
    let opening = Opening {
        room_id: room.room_id.clone(),
        version: room
            .version
            .clone()
            .ok_or_else(|| Error::Target("its version is unknown: export again".to_owned()))?,
        joiner: joiner.to_owned(),
        join: join.clone(),
        forward_extremities: room.forward_extremities.clone(),
        current_state,
        snapshots: snapshots(bundle, &room.room_id)?,
    };
    OpenRoom::new(opening, bundle.events(&room.room_id)?, bundle.work_dir())
}

/// The states that the bundle has of a room's history.
fn snapshots(bundle: &Bundle, room: &RoomId) -> Result<Vec<(OwnedEventId, Vec<OwnedEventId>)>> {
    let mut snapshots = Vec::new();
    for event in bundle.snapshots(room)? {
        if let Some(state) = bundle.snapshot(room, &event)? {
            snapshots.push((event, state));
        }
    }
    Ok(snapshots)
}
