//! `GET /_matrix/client/v3/rooms/{room_id}/aliases`

use ruma::{OwnedRoomAliasId, RoomId};
use serde::Deserialize;

use super::{Client, request::Request};
use crate::Result;

#[derive(Deserialize)]
struct Answer {
    aliases: Vec<OwnedRoomAliasId>,
}

impl Client {
    /// The local aliases of a room; an admin may ask from outside the room.
    pub async fn aliases(&self, room: &RoomId) -> Result<Vec<OwnedRoomAliasId>> {
        let request = Request::get(&["_matrix", "client", "v3", "rooms", room.as_str(), "aliases"]);
        Ok(self.send::<Answer>(request).await?.aliases)
    }
}
