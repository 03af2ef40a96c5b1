//! A room's entry in `rooms.json`: its own state first, Synapse's list where the state says nothing.

use ruma::{OwnedRoomId, RoomVersionId};

use super::state::State;
use crate::{model::room::Room, source::admin_api::ListedRoom};

const CREATE: &str = "m.room.create";

/// The facts, without what only the events tell (`event_count`, `history_complete`) and other requests give.
pub(super) fn of(room_id: OwnedRoomId, listed: &ListedRoom, state: &State) -> Room {
    let create = state.event(CREATE);
    Room {
        version: version(listed, state),
        name: state.text("m.room.name", "/name").or(listed.name.clone()),
        canonical_alias: state
            .text("m.room.canonical_alias", "/alias")
            .or(listed.canonical_alias.clone())
            .and_then(|alias| alias.try_into().ok()),
        creator: create.map(|create| create.sender.clone()).or_else(|| {
            let creator = listed.creator.as_deref()?;
            creator.try_into().ok()
        }),
        join_rules: state.text("m.room.join_rules", "/join_rule"),
        guest_access: state.text("m.room.guest_access", "/guest_access"),
        history_visibility: state.text("m.room.history_visibility", "/history_visibility"),
        federatable: create.map(|_| state.flag(CREATE, "/m.federate").unwrap_or(true)),
        public: listed.public,
        room_type: state.text(CREATE, "/type"),
        encryption: state.text("m.room.encryption", "/algorithm"),
        joined_members: listed.joined_members,
        joined_local_members: listed.joined_local_members,
        tombstone: state
            .text("m.room.tombstone", "/replacement_room")
            .and_then(|room| room.try_into().ok()),
        predecessor: state
            .text(CREATE, "/predecessor/room_id")
            .and_then(|room| room.try_into().ok()),
        forward_extremities: Vec::new(),
        event_count: 0,
        history_complete: false,
        blocked: false,
        room_id,
    }
}

/// The room version; a create event that names none makes version 1.
fn version(listed: &ListedRoom, state: &State) -> Option<RoomVersionId> {
    let named = state
        .text(CREATE, "/room_version")
        .or_else(|| listed.version.clone());
    match named {
        Some(version) => RoomVersionId::try_from(version).ok(),
        None => state.event(CREATE).map(|_| RoomVersionId::V1),
    }
}
