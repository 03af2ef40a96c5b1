//! `GET /_matrix/client/r0/initialSync`: long deprecated, and the only place that names an invite's event where the server
//! isn't in the room.

use std::collections::BTreeMap;

use ruma::OwnedEventId;
use serde::Deserialize;

use super::{Client, Who};
use crate::{Result, http::Request};

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    rooms: Vec<Room>,
}

#[derive(Deserialize)]
struct Room {
    room_id: String,
    invite: Option<Invite>,
}

#[derive(Deserialize)]
struct Invite {
    event_id: OwnedEventId,
}

impl Client {
    /// Room → invite that waits for the user. Costs the state of every room that the user is in.
    pub async fn invites(&self, who: &Who) -> Result<BTreeMap<String, OwnedEventId>> {
        let request = Request::get("/_matrix/client/r0/initialSync").query("limit", "1");
        let answer: Answer = self.http.send(&who.asks(request)).await?;
        let rooms = answer.rooms.into_iter();
        let invites = rooms.filter_map(|room| Some((room.room_id, room.invite?.event_id)));
        Ok(invites.collect())
    }
}
