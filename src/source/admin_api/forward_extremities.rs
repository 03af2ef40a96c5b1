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

#[derive(Deserialize)]
struct Extremity {
    event_id: OwnedEventId,
}

impl Client {
    /// The tips of a room's event graph, by ID.
    pub async fn forward_extremities(&self, room: &RoomId) -> Result<Vec<OwnedEventId>> {
        let request = Request::get(format!(
            "/_synapse/admin/v1/rooms/{}/forward_extremities",
            encode(room.as_str())
        ));
        let answer: Answer = self.http.send(&request).await?;
        let mut tips: Vec<_> = answer.results.into_iter().map(|tip| tip.event_id).collect();
        tips.sort();
        Ok(tips)
    }
}
