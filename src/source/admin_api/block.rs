//! `GET /_synapse/admin/v1/rooms/{room_id}/block`

use ruma::RoomId;
use serde::Deserialize;

use super::Client;
use crate::{
    Result,
    http::{Request, encode},
};

#[derive(Deserialize)]
struct Answer {
    block: bool,
}

impl Client {
    /// Whether an admin blocked a room.
    pub async fn is_blocked(&self, room: &RoomId) -> Result<bool> {
        let request = Request::get(format!(
            "/_synapse/admin/v1/rooms/{}/block",
            encode(room.as_str())
        ));
        Ok(self.http.send::<Answer>(&request).await?.block)
    }
}
