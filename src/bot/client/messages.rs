//! `PUT /_matrix/client/v3/rooms/{roomId}/send/m.room.message/{txnId}`.

use serde_json::{Value, json};

use super::{Client, text_field};
use crate::{
    Result,
    http::{Request, encode},
};

impl Client {
    /// A reaction to a message: `PUT …/send/m.reaction/{txnId}`.
    pub async fn react(&self, room: &str, txn: &str, to: &str, key: &str) -> Result<()> {
        let path = format!(
            "/_matrix/client/v3/rooms/{}/send/m.reaction/{}",
            encode(room),
            encode(txn)
        );
        let content = json!({
            "m.relates_to": { "rel_type": "m.annotation", "event_id": to, "key": key },
        });
        self.ask::<Value>(Request::put(&path, &content))
            .await
            .map(drop)
    }

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
