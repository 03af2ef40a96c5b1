//! Rooms: make, find, join, invite, read.

use serde_json::{Value, json};

use super::{Client, text_field};
use crate::{
    Result,
    http::{Request, encode},
};

impl Client {
    /// `POST /_matrix/client/v3/createRoom`.
    pub async fn create_room(&self, body: &Value) -> Result<String> {
        let path = "/_matrix/client/v3/createRoom";
        // Done twice, there would be two.
        let request = Request::post(path, body).once();
        text_field(&self.ask(request).await?, "room_id", path)
    }

    /// `POST /_matrix/client/v3/join/{roomIdOrAlias}`.
    pub async fn join(&self, room: &str) -> Result<String> {
        let path = format!("/_matrix/client/v3/join/{}", encode(room));
        let request = Request::post(&path, &json!({}));
        text_field(&self.ask(request).await?, "room_id", &path)
    }

    /// `POST /_matrix/client/v3/rooms/{roomId}/invite`.
    pub async fn invite(&self, room: &str, user: &str) -> Result<()> {
        let path = format!("/_matrix/client/v3/rooms/{}/invite", encode(room));
        let request = Request::post(path, &json!({"user_id": user}));
        self.ask::<Value>(request).await.map(drop)
    }

    /// `GET /_matrix/client/v3/directory/room/{roomAlias}`; `None` if there is no such alias.
    pub async fn resolve(&self, alias: &str) -> Result<Option<String>> {
        let path = format!("/_matrix/client/v3/directory/room/{}", encode(alias));
        let answer = self.find(Request::get(&path)).await?;
        answer
            .map(|answer| text_field(&answer, "room_id", &path))
            .transpose()
    }

    /// `GET /_matrix/client/v3/joined_rooms`.
    pub async fn joined_rooms(&self) -> Result<Vec<String>> {
        let request = Request::get("/_matrix/client/v3/joined_rooms");
        let answer: Value = self.ask(request).await?;
        let rooms = answer.get("joined_rooms").and_then(Value::as_array);
        Ok(rooms
            .into_iter()
            .flatten()
            .filter_map(|room| room.as_str().map(str::to_owned))
            .collect())
    }

    /// `PUT /_matrix/client/v3/rooms/{roomId}/state/{eventType}/`.
    pub async fn set_state(&self, room: &str, kind: &str, content: &Value) -> Result<()> {
        let path = format!(
            "/_matrix/client/v3/rooms/{}/state/{}/",
            encode(room),
            encode(kind)
        );
        let request = Request::put(&path, content);
        self.ask::<Value>(request).await.map(drop)
    }

    /// `GET /_matrix/client/v3/rooms/{roomId}/state`: whole events.
    pub async fn whole_state(&self, room: &str) -> Result<Vec<Value>> {
        let path = format!("/_matrix/client/v3/rooms/{}/state", encode(room));
        self.ask(Request::get(path)).await
    }

    /// `GET /_matrix/client/v3/rooms/{roomId}/state/{eventType}/{stateKey}`; `None` if there is none.
    pub async fn state(&self, room: &str, kind: &str, key: &str) -> Result<Option<Value>> {
        let path = format!(
            "/_matrix/client/v3/rooms/{}/state/{}/{}",
            encode(room),
            encode(kind),
            encode(key)
        );
        self.find(Request::get(path)).await
    }
}
