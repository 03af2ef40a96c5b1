//! `PUT /_matrix/client/v3/rooms/{roomId}/send/m.room.message/{txnId}`.

use serde_json::Value;

use super::{Client, text_field};
use crate::{
    Result,
    http::{Request, encode},
};

impl Client {
    /// Sends a message; the same transaction ID twice sends it once.
    pub async fn send(&self, room: &str, txn: &str, content: &Value) -> Result<String> {
        let path = format!(
            "/_matrix/client/v3/rooms/{}/send/m.room.message/{}",
            encode(room),
            encode(txn)
        );
        text_field(
            &self.ask(Request::put(&path, content)).await?,
            "event_id",
            &path,
        )
    }
}
