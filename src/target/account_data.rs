//! Account data: a user's own, and that of their rooms.

use ruma::{RoomId, UserId};
use serde_json::value::RawValue;

use super::{Anything, Target};
use crate::{
    Result,
    http::{Request, encode},
};

/// Where an item of account data is.
fn path(user: &UserId, room: Option<&RoomId>, kind: &str) -> String {
    let user = encode(user.as_str());
    let kind = encode(kind);
    match room {
        None => format!("/_matrix/client/v3/user/{user}/account_data/{kind}"),
        Some(room) => format!(
            "/_matrix/client/v3/user/{user}/rooms/{}/account_data/{kind}",
            encode(room.as_str())
        ),
    }
}

impl Target {
    /// The content of a user's account data of a type, of a room or of their own.
    ///
    /// Tuwunel 1.9 answers 404 to an empty content, too.
    pub async fn account_data(
        &self,
        user: &UserId,
        room: Option<&RoomId>,
        kind: &str,
    ) -> Result<Option<Box<RawValue>>> {
        let request = Request::get(path(user, room, kind));
        self.puppets_http.find(&Self::as_user(request, user)).await
    }

    /// Sets it. Nobody takes `m.push_rules` or `m.fully_read` this way, and Synapse keeps `m.tag` elsewhere.
    pub async fn set_account_data(
        &self,
        user: &UserId,
        room: Option<&RoomId>,
        kind: &str,
        content: &RawValue,
    ) -> Result<()> {
        let path = path(user, room, kind);
        let request = Request::new(reqwest::Method::PUT, path).text(content.get().to_owned());
        self.puppets_http
            .send::<Anything>(&Self::as_user(request, user))
            .await?;
        Ok(())
    }

    /// A room's tags: an object by tag.
    pub async fn tags(&self, user: &UserId, room: &RoomId) -> Result<Box<RawValue>> {
        let request = Request::get(tags_path(user, room));
        self.puppets_http.send(&Self::as_user(request, user)).await
    }

    /// Tags a room. Tuwunel keeps nothing but the order; its `m.tag` in the account data keeps everything.
    pub async fn set_tag(
        &self,
        user: &UserId,
        room: &RoomId,
        tag: &str,
        content: &RawValue,
    ) -> Result<()> {
        let path = format!("{}/{}", tags_path(user, room), encode(tag));
        let request = Request::new(reqwest::Method::PUT, path).text(content.get().to_owned());
        self.puppets_http
            .send::<Anything>(&Self::as_user(request, user))
            .await?;
        Ok(())
    }

    /// Takes a tag off a room.
    pub async fn delete_tag(&self, user: &UserId, room: &RoomId, tag: &str) -> Result<()> {
        let path = format!("{}/{}", tags_path(user, room), encode(tag));
        let request = Request::new(reqwest::Method::DELETE, path);
        self.puppets_http
            .send::<Anything>(&Self::as_user(request, user))
            .await?;
        Ok(())
    }
}

fn tags_path(user: &UserId, room: &RoomId) -> String {
    format!(
        "/_matrix/client/v3/user/{}/rooms/{}/tags",
        encode(user.as_str()),
        encode(room.as_str())
    )
}
