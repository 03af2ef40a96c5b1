//! Rooms: make, find, join, invite, read.

use serde_json::{Value, json};

use super::{Client, segment, text_field};
use crate::{Error, Result};

impl Client {
    /// `POST /_matrix/client/v3/createRoom`.
    pub async fn create_room(&self, body: &Value) -> Result<String> {
        let path = "/_matrix/client/v3/createRoom";
        text_field(&self.post_once(path, body).await?, "room_id", path)
    }

    /// `POST /_matrix/client/v3/join/{roomIdOrAlias}`.
    pub async fn join(&self, room: &str) -> Result<String> {
        let path = format!("/_matrix/client/v3/join/{}", segment(room));
        text_field(&self.post(&path, &json!({})).await?, "room_id", &path)
    }

    /// `POST /_matrix/client/v3/rooms/{roomId}/invite`.
    pub async fn invite(&self, room: &str, user: &str) -> Result<()> {
        let path = format!("/_matrix/client/v3/rooms/{}/invite", segment(room));
        self.post(&path, &json!({"user_id": user})).await.map(drop)
    }

    /// `GET /_matrix/client/v3/directory/room/{roomAlias}`; `None` if there is no such alias.
    pub async fn resolve(&self, alias: &str) -> Result<Option<String>> {
        let path = format!("/_matrix/client/v3/directory/room/{}", segment(alias));
        match self.get(&path).await {
            Ok(answer) => text_field(&answer, "room_id", &path).map(Some),
            Err(Error::Answer { status: 404, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// `GET /_matrix/client/v3/joined_rooms`.
    pub async fn joined_rooms(&self) -> Result<Vec<String>> {
        let answer = self.get("/_matrix/client/v3/joined_rooms").await?;
        let rooms = answer.get("joined_rooms").and_then(Value::as_array);
        Ok(rooms
            .into_iter()
            .flatten()
            .filter_map(|room| room.as_str().map(str::to_owned))
            .collect())
    }

    /// `GET /_matrix/client/v3/rooms/{roomId}/state/{eventType}/{stateKey}`; `None` if there is none.
    pub async fn state(&self, room: &str, kind: &str, key: &str) -> Result<Option<Value>> {
        let path = format!(
            "/_matrix/client/v3/rooms/{}/state/{}/{}",
            segment(room),
            segment(kind),
            segment(key)
        );
        match self.get(&path).await {
            Ok(content) => Ok(Some(content)),
            Err(Error::Answer { status: 404, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
