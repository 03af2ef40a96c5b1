//! `GET /_synapse/admin/v1/rooms/{room_id}/state`

use ruma::RoomId;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Client, request::Request};
use crate::Result;

#[derive(Deserialize)]
struct Answer {
    state: Vec<Box<RawValue>>,
}

impl Client {
    /// The current state in the client's format; empty for rooms that all local members left.
    pub async fn room_state(&self, room: &RoomId) -> Result<Vec<Box<RawValue>>> {
        let request = Request::get(&["_synapse", "admin", "v1", "rooms", room.as_str(), "state"]);
        Ok(self.send::<Answer>(request).await?.state)
    }
}
