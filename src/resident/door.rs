//! The doors of rooms that nobody is carried into: a user who knocked on Synapse knocks once more, through the resident.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use ruma::{OwnedRoomId, OwnedUserId, RoomId, RoomVersionId, UserId};
use serde_json::{Value, json, value::RawValue};

use super::Resident;
use crate::model::pdu::{EventRef, PduHeader};

/// One user at one door.
#[derive(Debug)]
pub struct Door {
    /// The room's version.
    pub version: RoomVersionId,
    /// What the knock on Synapse followed and what allowed it: the new one stands in its place.
    pub knock: PduHeader,
    /// What the user sees of the room from outside: stripped state, or PDUs.
    pub view: Vec<Box<RawValue>>,
}

impl Door {
    /// The knock's template for `make_knock`, with every field that 1.9 and Synapse take over.
    ///
    /// Source: server-server API, "Knocking upon a room".
    #[must_use]
    pub fn template(&self, room: &RoomId, user: &UserId, resident: &str, now_ms: u64) -> Value {
        let references = |events: &[EventRef]| {
            let references = events.iter().map(|event| match event {
                EventRef::Id(id) => json!(id),
                EventRef::WithHash(id, hashes) => json!([id, hashes]),
            });
            Value::Array(references.collect())
        };
        json!({
            "type": "m.room.member",
            "state_key": user,
            "sender": user,
            "room_id": room,
            "content": { "membership": "knock" },
            "origin": resident,
            "origin_server_ts": now_ms,
            "depth": self.knock.depth,
            "prev_events": references(&self.knock.prev_events),
            "auth_events": references(&self.knock.auth_events),
        })
    }
}

type Place = (OwnedRoomId, OwnedUserId);

/// The doors that are open now.
#[derive(Debug, Default)]
pub struct Doors(RwLock<HashMap<Place, Arc<Door>>>);

impl Doors {
    /// The door that a user may knock at.
    #[must_use]
    pub fn of(&self, room: &RoomId, user: &UserId) -> Option<Arc<Door>> {
        self.0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&(room.to_owned(), user.to_owned()))
            .cloned()
    }
}

/// Keeps a door open; dropping it closes it.
#[derive(Debug)]
pub struct DoorGuard {
    resident: Arc<Resident>,
    place: Place,
}

impl Resident {
    /// Lets one user knock at one room from now on, until the guard is dropped.
    #[must_use]
    pub fn open_door(self: &Arc<Self>, room: &RoomId, user: &UserId, door: Door) -> DoorGuard {
        let place = (room.to_owned(), user.to_owned());
        self.doors
            .0
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(place.clone(), Arc::new(door));
        DoorGuard {
            resident: Arc::clone(self),
            place,
        }
    }
}

impl Drop for DoorGuard {
    fn drop(&mut self) {
        self.resident
            .doors
            .0
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&self.place);
    }
}
