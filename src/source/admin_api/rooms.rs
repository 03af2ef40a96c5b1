//! `GET /_synapse/admin/v1/rooms`

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::Client;
use crate::{Result, http::Request};

/// Rooms per page.
const LIMIT: &str = "500";

/// A room of the list. Synapse keeps these facts in statistics tables: the room's own state is the truth.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct ListedRoom {
    /// The full ID, unchecked.
    pub room_id: String,
    /// Room version; `None` for rooms of very old servers.
    #[serde(default)]
    pub version: Option<String>,
    /// Sender of the create event.
    #[serde(default)]
    pub creator: Option<String>,
    /// Name at present.
    #[serde(default)]
    pub name: Option<String>,
    /// Alias at present.
    #[serde(default)]
    pub canonical_alias: Option<String>,
    /// Listed in the room directory.
    #[serde(default)]
    pub public: Option<bool>,
    /// Members joined, remote ones included.
    #[serde(default, deserialize_with = "count")]
    pub joined_members: u64,
    /// Local members joined.
    #[serde(default, deserialize_with = "count")]
    pub joined_local_members: u64,
}

/// Synapse's statistics can be wrong, and even below nothing: -1 was seen in a room that the last local member had left
/// while somebody knocked.
fn count<'de, D: Deserializer<'de>>(number: D) -> Result<u64, D::Error> {
    let number = Option::<i64>::deserialize(number)?;
    Ok(number
        .and_then(|number| number.try_into().ok())
        .unwrap_or_default())
}

#[derive(Deserialize)]
struct Page {
    rooms: Vec<Value>,
    next_batch: Option<u64>,
}

impl Client {
    /// All rooms that Synapse has statistics of. Entries are raw, so that one bad one doesn't hide the rest.
    pub async fn rooms(&self) -> Result<Vec<Value>> {
        let mut all = Vec::new();
        let mut from = 0;
        loop {
            let request = Request::get("/_synapse/admin/v1/rooms")
                .query("from", &from)
                .query("limit", LIMIT);
            let page: Page = self.http.send(&request).await?;
            let empty = page.rooms.is_empty();
            all.extend(page.rooms);
            match page.next_batch {
                Some(next) if !empty => from = next,
                _ => return Ok(all),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn counts_below_nothing_are_nothing() {
        let listed = |joined: Value| -> ListedRoom {
            serde_json::from_value(json!({ "room_id": "!r:x", "joined_members": joined })).unwrap()
        };
        assert_eq!(listed(json!(3)).joined_members, 3);
        assert_eq!(listed(json!(-1)).joined_members, 0);
        assert_eq!(listed(Value::Null).joined_members, 0);
    }
}
