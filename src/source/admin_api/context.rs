//! `GET /_synapse/admin/v1/rooms/{room_id}/context/{event_id}`

use ruma::{EventId, OwnedEventId, RoomId};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::Client;
use crate::{
    Result,
    http::{Request, encode},
};

/// For neighbours alone: the state is needed by none of them.
const WITHOUT_MEMBERS: &str = r#"{"lazy_load_members":true}"#;

/// An event and what is around it.
#[derive(Debug, Deserialize)]
pub struct Context {
    /// The event itself, in the client's format.
    pub event: Box<RawValue>,
    /// Older ones, the newest first.
    #[serde(default)]
    pub events_before: Vec<Neighbour>,
    /// Newer ones, the oldest first.
    #[serde(default)]
    pub events_after: Vec<Neighbour>,
    /// The state after the newest of these events, in the client's format.
    #[serde(default)]
    pub state: Vec<Box<RawValue>>,
    /// Where a page begins that has all of these events; it can have some older ones, too.
    pub start: String,
}

/// What counts of an event nearby.
#[derive(Debug, Clone, Deserialize)]
pub struct Neighbour {
    /// Its ID.
    pub event_id: OwnedEventId,
    /// Milliseconds since the Unix epoch, as the sender's server said.
    #[serde(default)]
    pub origin_server_ts: u64,
    #[serde(default)]
    unsigned: Unsigned,
}

#[derive(Debug, Clone, Default, Deserialize)]
struct Unsigned {
    #[serde(default, rename = "io.element.synapse.soft_failed")]
    soft_failed: bool,
}

impl Neighbour {
    /// Whether Synapse hides it from its clients.
    pub fn is_soft_failed(&self) -> bool {
        self.unsigned.soft_failed
    }
}

impl Client {
    /// An event with the state after it.
    pub async fn context(&self, room: &RoomId, event: &EventId) -> Result<Context> {
        self.http.send(&at(room, event, 0)).await
    }

    /// An event as clients see it: emptied if it is redacted. Tried once: of one outside the timeline, Synapse fails to
    /// find the state.
    pub async fn shown(&self, room: &RoomId, event: &EventId) -> Result<Box<RawValue>> {
        let request = at(room, event, 0).query("filter", WITHOUT_MEMBERS).once();
        Ok(self.http.send::<Context>(&request).await?.event)
    }

    /// An event with its neighbours in Synapse's order, refused ones left out: of `limit`, rounded up, half are newer.
    /// The state lacks most members.
    pub async fn neighbours(&self, room: &RoomId, event: &EventId, limit: u64) -> Result<Context> {
        let request = at(room, event, limit).query("filter", WITHOUT_MEMBERS);
        self.http.send(&request).await
    }
}

fn at(room: &RoomId, event: &EventId, limit: u64) -> Request {
    Request::get(format!(
        "/_synapse/admin/v1/rooms/{}/context/{}",
        encode(room.as_str()),
        encode(event.as_str())
    ))
    .query("limit", &limit)
}
