//! Where the keys come from that are uploaded and compared.

use std::sync::{Mutex, PoisonError};

use ruma::{OwnedRoomId, RoomId};

use crate::{
    Result,
    bot_keys::{RoomKey, extract::Extracted},
};

/// Extracted room keys, one room at a time: only one room's are in memory.
pub trait Source: Sync {
    /// All rooms, and how many sessions each has.
    fn rooms(&self) -> Result<Vec<(OwnedRoomId, u64)>>;
    /// A room's sessions.
    fn of_room(&self, room: &RoomId) -> Result<Vec<RoomKey>>;
}

/// SQLite's connections are for one thread at a time.
impl Source for Mutex<Extracted> {
    fn rooms(&self) -> Result<Vec<(OwnedRoomId, u64)>> {
        self.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .by_room()
    }

    fn of_room(&self, room: &RoomId) -> Result<Vec<RoomKey>> {
        self.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .of_room(room)
    }
}
