//! A room's entry in `rooms.json`: its own state first, Synapse's list where the state says nothing.

use ruma::{OwnedRoomId, RoomVersionId};

use super::state::State;
use crate::{model::room::Room, source::admin_api::ListedRoom};

const CREATE: &str = "m.room.create";

/// The facts, without what only the events tell (`event_count`, `history_complete`) and other requests give.
pub fn of(room_id: OwnedRoomId, listed: &ListedRoom, state: &State) -> Room {
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
        blocked: None,
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::source::room::state::ClientEvent;

    fn state(events: &[(&str, serde_json::Value)]) -> State {
        let room = "!r:example.org".try_into().unwrap();
        let events = events
            .iter()
            .map(|(kind, content)| {
                let event = json!({
                    "type": kind, "state_key": "", "sender": "@real:example.org", "event_id": "$e", "content": content,
                    "origin_server_ts": 1,
                });
                let event = serde_json::value::to_raw_value(&event).unwrap();
                ClientEvent::of(&event, room, None).unwrap()
            })
            .collect();
        let mut problems = Vec::new();
        let state = State::of(room, events, None, &mut problems);
        assert_eq!(problems, []);
        state
    }

    fn facts(listed: &ListedRoom, state: &State) -> Room {
        of("!r:example.org".try_into().unwrap(), listed, state)
    }

    #[test]
    fn the_state_is_right_and_the_list_fills_in() {
        let listed = ListedRoom {
            version: Some("9".into()),
            name: Some("listed".into()),
            creator: Some("@listed:example.org".into()),
            joined_members: 3,
            ..ListedRoom::default()
        };
        let room = facts(&listed, &state(&[]));
        assert_eq!(room.version, Some(RoomVersionId::V9));
        assert_eq!(room.name.as_deref(), Some("listed"));
        assert_eq!(room.creator.unwrap(), "@listed:example.org");
        assert_eq!((room.federatable, room.joined_members), (None, 3));

        let events = [
            (
                "m.room.create",
                json!({"room_version": "11", "type": "m.space", "predecessor": {"room_id": "!old:example.org"}}),
            ),
            ("m.room.name", json!({"name": "real"})),
            (
                "m.room.tombstone",
                json!({"replacement_room": "!new:example.org"}),
            ),
            ("m.room.encryption", json!({"algorithm": "megolm"})),
        ];
        let room = facts(&listed, &state(&events));
        assert_eq!(room.version, Some(RoomVersionId::V11));
        assert_eq!(room.name.as_deref(), Some("real"));
        assert_eq!(room.creator.unwrap(), "@real:example.org");
        assert_eq!(room.federatable, Some(true));
        assert_eq!(room.room_type.as_deref(), Some("m.space"));
        assert_eq!(room.tombstone.unwrap(), "!new:example.org");
        assert_eq!(room.predecessor.unwrap(), "!old:example.org");
        assert_eq!(room.encryption.as_deref(), Some("megolm"));
    }

    #[test]
    fn a_create_event_without_a_version_is_of_version_1() {
        let state = state(&[("m.room.create", json!({"m.federate": false}))]);
        let room = facts(&ListedRoom::default(), &state);
        assert_eq!(room.version, Some(RoomVersionId::V1));
        assert_eq!(room.federatable, Some(false));
    }
}
