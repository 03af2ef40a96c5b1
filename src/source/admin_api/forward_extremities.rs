//! `GET /_synapse/admin/v1/rooms/{room_id}/forward_extremities`

use ruma::{OwnedEventId, RoomId};
use serde::Deserialize;

use super::Client;
use crate::{
    Result,
    http::{Request, encode},
};

#[derive(Deserialize)]
struct Answer {
    results: Vec<Extremity>,
}

/// A tip of a room's event graph.
#[derive(Debug, Clone, Deserialize)]
pub struct Extremity {
    /// The event.
    pub event_id: OwnedEventId,
    /// Its distance from the create event.
    #[serde(default)]
    pub depth: u64,
}

impl Client {
    /// The tips of a room's event graph, by ID.
    pub async fn forward_extremities(&self, room: &RoomId) -> Result<Vec<Extremity>> {
        let request = Request::get(format!(
            "/_synapse/admin/v1/rooms/{}/forward_extremities",
            encode(room.as_str())
        ));
        let mut tips = self.http.send::<Answer>(&request).await?.results;
        tips.sort_by(|one, other| one.event_id.cmp(&other.event_id));
        Ok(tips)
    }
}
