//! Where the keys come from that are uploaded and compared.

use ruma::{OwnedRoomId, RoomId};

use crate::{Result, bot_keys::RoomKey};

/// Extracted room keys, one room at a time: only one room's are in memory.
pub trait Source: Sync {
    /// All rooms, and how many sessions each has.
    fn rooms(&self) -> Result<Vec<(OwnedRoomId, u64)>>;
    /// A room's sessions.
    fn of_room(&self, room: &RoomId) -> Result<Vec<RoomKey>>;
}
