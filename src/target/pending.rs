//! Invites and knocks that wait for an answer, as the user's own client sees them.

use std::collections::BTreeMap;

use ruma::{OwnedRoomId, OwnedUserId, RoomId, ServerName, UserId};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Anything, Target, session::unlike_others};
use crate::{
    Result,
    http::{Request, encode},
    secret::SecretString,
};

/// Where a user waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Waits {
    /// Invited, and sees so much of the room.
    Invited(Vec<Stripped>),
    /// Has knocked, and sees so much of the room.
    Knocked(Vec<Stripped>),
    /// Is in the room already.
    Joined,
}

/// A stripped state event.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Stripped {
    /// Type.
    #[serde(rename = "type")]
    pub kind: String,
    /// State key.
    #[serde(default)]
    pub state_key: String,
    /// Who set it.
    pub sender: OwnedUserId,
    /// Content.
    pub content: Value,
}

#[derive(Debug, Deserialize)]
struct Sync {
    #[serde(default)]
    rooms: Rooms,
}

#[derive(Debug, Default, Deserialize)]
struct Rooms {
    #[serde(default)]
    invite: BTreeMap<OwnedRoomId, Invited>,
    #[serde(default)]
    knock: BTreeMap<OwnedRoomId, Knocked>,
    #[serde(default)]
    join: BTreeMap<OwnedRoomId, Value>,
}

#[derive(Debug, Deserialize)]
struct Invited {
    #[serde(default)]
    invite_state: Events,
}

#[derive(Debug, Deserialize)]
struct Knocked {
    #[serde(default)]
    knock_state: Events,
}

#[derive(Debug, Default, Deserialize)]
struct Events {
    #[serde(default)]
    events: Vec<Stripped>,
}

impl Target {
    /// Whether and how a user waits at a room's door, by their `/sync`.
    ///
    /// Tuwunel 1.4 syncs with nobody who has no device: the user gets one for the moment.
    pub async fn waits(&self, user: &UserId, room: &RoomId) -> Result<Option<Waits>> {
        let token = self.log_in(user, room.as_str()).await?;
        let found = self.sync(&token, room).await;
        self.log_out(&token).await?;
        let mut rooms = found?;
        Ok(if let Some(invited) = rooms.invite.remove(room) {
            Some(Waits::Invited(invited.invite_state.events))
        } else if let Some(knocked) = rooms.knock.remove(room) {
            Some(Waits::Knocked(knocked.knock_state.events))
        } else {
            rooms.join.contains_key(room).then_some(Waits::Joined)
        })
    }

    async fn sync(&self, token: &SecretString, room: &RoomId) -> Result<Rooms> {
        let none = json!({ "types": [] });
        let filter = json!({
            "room": { "rooms": [room], "timeline": { "limit": 1 }, "state": none },
            "presence": unlike_others(),
            "account_data": none,
        });
        let request = Request::get("/_matrix/client/v3/sync")
            .query("filter", &filter)
            .query("set_presence", "offline")
            .query("timeout", "0")
            // Tuwunel doesn't wait for news then.
            .query("full_state", "true");
        let answer: Sync = self.puppets_http.send(&request.with_token(token)).await?;
        Ok(answer.rooms)
    }

    /// Knocks at a room, by asking `via`.
    pub async fn knock(
        &self,
        user: &UserId,
        room: &RoomId,
        via: &ServerName,
        reason: Option<&str>,
    ) -> Result<()> {
        let body = reason.map_or_else(|| json!({}), |reason| json!({ "reason": reason }));
        let request = Request::post(
            format!("/_matrix/client/v3/knock/{}", encode(room.as_str())),
            &body,
        )
        .query("via", via)
        .query("server_name", via);
        self.puppets_http
            .send::<Anything>(&Self::as_user(request, user))
            .await?;
        Ok(())
    }
}
