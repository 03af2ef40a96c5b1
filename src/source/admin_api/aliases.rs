//! `GET /_matrix/client/v3/rooms/{room_id}/aliases`

use ruma::{OwnedRoomAliasId, RoomId};
use serde::Deserialize;

use super::Client;
use crate::{
    Result,
    http::{Request, encode},
};

#[derive(Deserialize)]
struct Answer {
    aliases: Vec<OwnedRoomAliasId>,
}

impl Client {
    /// The local aliases of a room; an admin may ask from outside the room.
    pub async fn aliases(&self, room: &RoomId) -> Result<Vec<OwnedRoomAliasId>> {
        let request = Request::get(format!(
            "/_matrix/client/v3/rooms/{}/aliases",
            encode(room.as_str())
        ));
        Ok(self.http.send::<Answer>(&request).await?.aliases)
    }
}
