//! `GET /_synapse/admin/v1/rooms/{room_id}/forward_extremities`

use ruma::{OwnedEventId, RoomId};
use serde::Deserialize;

use super::{Client, request::Request};
use crate::Result;

#[derive(Deserialize)]
struct Answer {
    results: Vec<Extremity>,
}

#[derive(Deserialize)]
struct Extremity {
    event_id: OwnedEventId,
}

impl Client {
    /// The tips of a room's event graph, by ID.
    pub async fn forward_extremities(&self, room: &RoomId) -> Result<Vec<OwnedEventId>> {
        let request = Request::get(&[
            "_synapse",
            "admin",
            "v1",
            "rooms",
            room.as_str(),
            "forward_extremities",
        ]);
        let answer: Answer = self.send(request).await?;
        let mut tips: Vec<_> = answer.results.into_iter().map(|tip| tip.event_id).collect();
        tips.sort();
        Ok(tips)
    }
}
