//! `GET /_synapse/admin/v1/rooms/{room_id}/block`

use ruma::RoomId;
use serde::Deserialize;

use super::{Client, request::Request};
use crate::Result;

#[derive(Deserialize)]
struct Answer {
    block: bool,
}

impl Client {
    /// Whether an admin blocked a room.
    pub async fn is_blocked(&self, room: &RoomId) -> Result<bool> {
        let request = Request::get(&["_synapse", "admin", "v1", "rooms", room.as_str(), "block"]);
        Ok(self.send::<Answer>(request).await?.block)
    }
}
