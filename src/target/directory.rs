//! Room aliases and the room directory.

use ruma::{OwnedRoomId, RoomAliasId, RoomId, UserId};
use serde::Deserialize;
use serde_json::json;

use super::{Anything, Target};
use crate::{
    Result,
    http::{Request, encode},
};

#[derive(Debug, Deserialize)]
struct Resolved {
    room_id: OwnedRoomId,
}

fn path(alias: &RoomAliasId) -> String {
    format!(
        "/_matrix/client/v3/directory/room/{}",
        encode(alias.as_str())
    )
}

#[derive(Debug, Deserialize)]
struct Visibility {
    visibility: String,
}

fn listing(room: &RoomId) -> String {
    format!(
        "/_matrix/client/v3/directory/list/room/{}",
        encode(room.as_str())
    )
}

impl Target {
    /// Whether the room directory lists a room.
    pub async fn is_listed(&self, room: &RoomId) -> Result<bool> {
        let found: Option<Visibility> = self.bot_http.find(&Request::get(listing(room))).await?;
        Ok(found.is_some_and(|found| found.visibility == "public"))
    }

    /// Lists a room in the directory, as one of its members with the power to.
    pub async fn list_room(&self, user: &UserId, room: &RoomId) -> Result<()> {
        let request = Request::put(listing(room), &json!({ "visibility": "public" }));
        self.puppets_http
            .send::<Anything>(&Self::as_user(request, user))
            .await?;
        Ok(())
    }

    /// Takes a room out of the directory, as one of its members with the power to.
    pub async fn unlist_room(&self, user: &UserId, room: &RoomId) -> Result<()> {
        let request = Request::put(listing(room), &json!({ "visibility": "private" }));
        self.puppets_http
            .send::<Anything>(&Self::as_user(request, user))
            .await?;
        Ok(())
    }

    /// Removes an alias, as one of its room's members.
    pub async fn delete_alias(&self, user: &UserId, alias: &RoomAliasId) -> Result<()> {
        let request = Request::new(reqwest::Method::DELETE, path(alias));
        self.puppets_http
            .send::<Anything>(&Self::as_user(request, user))
            .await?;
        Ok(())
    }

    /// The room that an alias names.
    pub async fn resolve(&self, alias: &RoomAliasId) -> Result<Option<OwnedRoomId>> {
        let resolved: Option<Resolved> = self.bot_http.find(&Request::get(path(alias))).await?;
        Ok(resolved.map(|resolved| resolved.room_id))
    }

    /// Makes an alias, as one of the room's members.
    pub async fn set_alias(&self, user: &UserId, alias: &RoomAliasId, room: &RoomId) -> Result<()> {
        let request = Request::put(path(alias), &json!({ "room_id": room }));
        self.puppets_http
            .send::<Anything>(&Self::as_user(request, user))
            .await?;
        Ok(())
    }
}
