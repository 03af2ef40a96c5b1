//! Everything of the bundle that waits, by room.

use std::collections::{BTreeMap, BTreeSet};

use ruma::{OwnedRoomId, OwnedUserId, RoomId, RoomVersionId, UserId};
use serde::Deserialize;

use super::waiting::{Found, Kind};
use crate::{
    Result,
    bundle::{Bundle, OfUser},
    migration::facts::RoomFacts,
    model::{
        pdu::{self, PduHeader},
        pending::Pending,
        room::Room,
        state_event::StateEvent,
    },
};

/// Room versions whose event IDs differ, the likeliest first: for a room of which only an event is known.
const VERSIONS: [RoomVersionId; 3] = [RoomVersionId::V10, RoomVersionId::V11, RoomVersionId::V3];

/// A room at whose door somebody waits.
#[derive(Debug, Clone, PartialEq)]
pub struct Place {
    /// The room, as far as it can be seen from outside.
    pub room: Room,
    /// Who waits, by user.
    pub found: Vec<Found>,
}

#[derive(Debug, Deserialize)]
struct Stripped {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    content: Content,
}

/// Of a create event, a name, an alias: each has one of them.
#[derive(Debug, Default, Deserialize)]
struct Content {
    room_version: Option<RoomVersionId>,
    name: Option<String>,
}

/// Reads what waits for some users.
pub fn all(bundle: &Bundle, users: &BTreeSet<OwnedUserId>) -> Result<BTreeMap<OwnedRoomId, Place>> {
    let mut places = BTreeMap::<OwnedRoomId, Place>::new();
    for user in users {
        for (room_id, pending) in of(bundle, user)? {
            let Some(kind) = Kind::of(&pending.membership) else {
                continue;
            };
            let place = places.entry(room_id.clone()).or_insert_with(|| Place {
                room: seen(room_id, &pending),
                found: Vec::new(),
            });
            place.found.push(Found {
                user_id: user.clone(),
                kind,
                by: sender(&pending),
            });
        }
    }
    Ok(places)
}

/// Room → what waits there for one user.
pub(super) fn of(bundle: &Bundle, user: &UserId) -> Result<BTreeMap<OwnedRoomId, Pending>> {
    bundle.of_user(OfUser::Pending, user)
}

/// Those who wait at a room of the bundle, as its state has it: the export may have seen less of theirs than of the
/// room's. `known` is what it saw.
pub fn rest(
    bundle: &Bundle,
    facts: &RoomFacts,
    known: &[Found],
    users: &BTreeSet<OwnedUserId>,
) -> Result<Vec<Found>> {
    let local = facts
        .memberships
        .iter()
        .filter(|(user, _)| users.contains(*user));
    if local.clone().any(|(_, membership)| membership == "join") {
        return Ok(Vec::new());
    }
    let waits = local
        .filter(|(_, membership)| Kind::of(membership).is_some())
        .map(|(user, _)| user)
        .filter(|user| known.iter().all(|found| found.user_id != **user));
    let mut found = Vec::new();
    for user in waits {
        let Some(pending) = in_room(bundle, &facts.room.room_id, user)? else {
            continue;
        };
        found.extend(Kind::of(&pending.membership).map(|kind| Found {
            user_id: user.clone(),
            kind,
            by: sender(&pending),
        }));
    }
    Ok(found)
}

/// What waits for a user, by a room's state; the stripped state of that time is not known.
pub(super) fn in_room(bundle: &Bundle, room: &RoomId, user: &UserId) -> Result<Option<Pending>> {
    let state = bundle.room_state(room)?;
    let member = state
        .iter()
        .filter_map(|raw| serde_json::from_str::<StateEvent>(raw.get()).ok())
        .find(|event| event.kind == "m.room.member" && event.state_key == user.as_str());
    let Some((event_id, membership)) =
        member.and_then(|member| Some((member.event_id, member.content.membership?)))
    else {
        return Ok(None);
    };
    if Kind::of(&membership).is_none() {
        return Ok(None);
    }
    let mut pdu = None;
    for line in bundle.events(room)? {
        let line = line?;
        if line.event_id == event_id {
            pdu = Some(line.pdu);
        }
    }
    Ok(Some(Pending {
        user_id: user.to_owned(),
        room_id: room.to_owned(),
        membership,
        event_id,
        pdu,
        stripped_state: None,
    }))
}

fn sender(pending: &Pending) -> Option<OwnedUserId> {
    let header = PduHeader::of(pending.pdu.as_ref()?).ok()?;
    Some(header.sender)
}

/// A room from outside.
fn seen(room_id: OwnedRoomId, pending: &Pending) -> Room {
    let mut room = Room::named(room_id);
    for raw in pending.stripped_state.iter().flatten() {
        let Ok(event) = serde_json::from_str::<Stripped>(raw.get()) else {
            continue;
        };
        match event.kind.as_str() {
            // Version 1 is not named.
            "m.room.create" => {
                room.version = event.content.room_version.or(Some(RoomVersionId::V1));
            }
            "m.room.name" => room.name = event.content.name.filter(|name| !name.is_empty()),
            _ => {}
        }
    }
    if room.version.is_none() && room.room_id.server_name().is_none() {
        room.version = Some(RoomVersionId::V12);
    } else if room.version.is_none()
        && let Some(pdu) = &pending.pdu
    {
        let fits = |version: &&RoomVersionId| {
            pdu::event_id(pdu, version).is_ok_and(|id| id == pending.event_id)
        };
        room.version = VERSIONS.iter().find(fits).cloned();
    }
    room
}

#[cfg(test)]
mod tests {
    use ruma::owned_room_id;
    use serde_json::{json, value::to_raw_value};

    use super::*;

    fn pending(stripped: &serde_json::Value, version: &RoomVersionId) -> Pending {
        let pdu = pdu::hashed(json!({
            "type": "m.room.member", "state_key": "@a:x", "sender": "@host:y", "room_id": "!r:y", "depth": 5,
            "origin_server_ts": 1, "content": { "membership": "invite" }, "prev_events": [], "auth_events": [],
        }));
        let pdu = to_raw_value(&pdu).unwrap();
        serde_json::from_value(json!({
            "user_id": "@a:x", "room_id": "!r:y", "membership": "invite",
            "event_id": pdu::event_id(&pdu, version).unwrap(), "pdu": pdu, "stripped_state": stripped,
        }))
        .unwrap()
    }

    #[test]
    fn a_room_is_seen_from_outside() {
        let look = |stripped, version: &RoomVersionId| {
            seen(owned_room_id!("!r:y"), &pending(&stripped, version))
        };
        let create = |content| json!({ "type": "m.room.create", "state_key": "", "sender": "@host:y", "content": content });
        let name = json!({ "type": "m.room.name", "state_key": "", "sender": "@host:y", "content": { "name": "Y" } });
        let room = look(
            json!([create(json!({ "room_version": "11" })), name]),
            &RoomVersionId::V11,
        );
        assert_eq!(room.version, Some(RoomVersionId::V11));
        assert_eq!(room.name.as_deref(), Some("Y"));
        let old = look(json!([create(json!({}))]), &RoomVersionId::V10);
        assert_eq!(old.version, Some(RoomVersionId::V1));
        for version in [RoomVersionId::V10, RoomVersionId::V3] {
            let unseen = look(serde_json::Value::Null, &version);
            assert_eq!(unseen.version, Some(version));
        }
        assert_eq!(
            sender(&pending(&json!([]), &RoomVersionId::V10)).unwrap(),
            "@host:y"
        );
    }
}
