//! `GET /_synapse/admin/v1/rooms/{room_id}/state`

use ruma::RoomId;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::Client;
use crate::{
    Result,
    http::{Request, encode},
};

#[derive(Deserialize)]
struct Answer {
    state: Vec<Box<RawValue>>,
}

impl Client {
    /// The current state in the client's format; empty for rooms that all local members left.
    pub async fn room_state(&self, room: &RoomId) -> Result<Vec<Box<RawValue>>> {
        let request = Request::get(format!(
            "/_synapse/admin/v1/rooms/{}/state",
            encode(room.as_str())
        ));
        Ok(self.http.send::<Answer>(&request).await?.state)
    }
}
