//! Making a room as a puppet, and its state.

use ruma::{OwnedRoomId, RoomId, UserId};
use serde::Deserialize;
use serde_json::Value;

use super::{Anything, Target};
use crate::{
    Result,
    http::{Request, encode},
};

/// What Tuwunel calls the wanted part before the colon of a new room's ID; others pass it over.
pub const ROOM_ID: &str = "fi.mau.room_id";

/// A state event with its content.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct WholeState {
    /// Type.
    #[serde(rename = "type")]
    pub kind: String,
    /// State key.
    #[serde(default)]
    pub state_key: String,
    /// Who has sent it.
    #[serde(default)]
    pub sender: String,
    /// Content.
    pub content: Value,
}

#[derive(Debug, Deserialize)]
struct Made {
    room_id: OwnedRoomId,
}

fn path(room: &RoomId, what: &str) -> String {
    format!("/_matrix/client/v3/rooms/{}/{what}", encode(room.as_str()))
}

impl Target {
    /// Makes a room, with the body of `POST /createRoom`. Tried once: made twice, there would be two.
    pub async fn create_room(&self, creator: &UserId, body: &Value) -> Result<OwnedRoomId> {
        let request = Request::post("/_matrix/client/v3/createRoom", body).once();
        let made: Made = self
            .puppets_http
            .send(&Self::as_user(request, creator))
            .await?;
        Ok(made.room_id)
    }

    /// A room's current state with all contents; `None` if the target doesn't know the room.
    pub async fn whole_state(
        &self,
        reader: &UserId,
        room: &RoomId,
    ) -> Result<Option<Vec<WholeState>>> {
        let request = Request::get(path(room, "state"));
        self.puppets_http
            .find(&Self::as_user(request, reader))
            .await
    }

    /// The content of a room's create event; `None` if the target doesn't know the room.
    pub async fn create_content(&self, reader: &UserId, room: &RoomId) -> Result<Option<Value>> {
        let request = Request::get(path(room, "state/m.room.create"));
        self.puppets_http
            .find(&Self::as_user(request, reader))
            .await
    }

    /// The content of one piece of a room's state; `None` if there is none, or the target doesn't know the room.
    pub async fn state_content(
        &self,
        reader: &UserId,
        room: &RoomId,
        (kind, key): (&str, &str),
    ) -> Result<Option<Value>> {
        let what = format!("state/{}/{}", encode(kind), encode(key));
        let request = Request::get(path(room, what.trim_end_matches('/')));
        self.puppets_http
            .find(&Self::as_user(request, reader))
            .await
    }

    /// Sends a state event, also somebody's membership.
    pub async fn put_state(
        &self,
        sender: &UserId,
        room: &RoomId,
        (kind, key): (&str, &str),
        content: &Value,
    ) -> Result<()> {
        let mut what = format!("state/{}", encode(kind));
        if !key.is_empty() {
            what = format!("{what}/{}", encode(key));
        }
        let request = Request::put(path(room, &what), content);
        self.puppets_http
            .send::<Anything>(&Self::as_user(request, sender))
            .await?;
        Ok(())
    }
}
