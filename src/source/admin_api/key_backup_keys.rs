//! `GET /_matrix/client/v3/room_keys/keys?version={version}`

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Client, Who};
use crate::{Result, http::Request};

/// The sessions of a backup by room and session ID, both unchecked.
pub type Sessions = BTreeMap<String, BTreeMap<String, Box<RawValue>>>;

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    rooms: BTreeMap<String, Room>,
}

#[derive(Deserialize)]
struct Room {
    #[serde(default)]
    sessions: BTreeMap<String, Box<RawValue>>,
}

impl Client {
    /// All sessions of a version.
    pub async fn backup_keys(&self, who: &Who, version: &str) -> Result<Sessions> {
        let request = Request::get("/_matrix/client/v3/room_keys/keys").query("version", version);
        let answer: Answer = self.http.send(&who.asks(request)).await?;
        let rooms = answer.rooms.into_iter();
        Ok(rooms
            .map(|(room, of_room)| (room, of_room.sessions))
            .collect())
    }
}
