//! `GET /_synapse/admin/v1/rooms/{room_id}/messages`

use ruma::RoomId;
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};

use super::Client;
use crate::{
    Result,
    http::{Request, encode},
};

/// Events per page: Synapse's maximum.
const LIMIT: &str = "1000";
/// Whole PDUs instead of what clients see.
const FORMAT: &str = "federation";

/// A page of a room's timeline, oldest first.
#[derive(Debug, Deserialize)]
pub struct Page {
    /// The events, with what Synapse adds to them.
    #[serde(default)]
    pub chunk: Vec<Box<RawValue>>,
    /// Where the next page begins; the last page has one too.
    #[serde(default)]
    pub end: Option<String>,
}

impl Client {
    /// A page of all events that are not outliers, from the room's beginning or from an earlier page's end.
    pub async fn messages(&self, room: &RoomId, from: Option<&str>) -> Result<Page> {
        self.page(room, from, &json!({ "event_format": FORMAT }))
            .await
    }

    /// The same, of events of these types alone.
    pub async fn messages_of<T: AsRef<str> + Sync>(
        &self,
        room: &RoomId,
        from: Option<&str>,
        types: &[T],
    ) -> Result<Page> {
        let types: Vec<_> = types.iter().map(AsRef::as_ref).collect();
        self.page(
            room,
            from,
            &json!({ "event_format": FORMAT, "types": types }),
        )
        .await
    }

    async fn page(&self, room: &RoomId, from: Option<&str>, filter: &Value) -> Result<Page> {
        let mut request = Request::get(format!(
            "/_synapse/admin/v1/rooms/{}/messages",
            encode(room.as_str())
        ))
        .query("dir", "f")
        .query("limit", LIMIT)
        .query("filter", filter);
        if let Some(from) = from {
            request = request.query("from", from);
        }
        self.http.send(&request).await
    }
}
