//! Joining, leaving and banning as a puppet.

use ruma::{RoomId, ServerName, UserId};
use serde_json::json;

use super::{Anything, Target};
use crate::{
    Result,
    http::{Request, encode},
};

impl Target {
    /// Joins a room, by asking `via` if the target doesn't know the room yet. A 200 is no proof: a join of somebody who
    /// is joined already does nothing.
    /// `room` is a room ID or an alias.
    pub async fn join(&self, user: &UserId, room: &str, via: &ServerName) -> Result<()> {
        let request = Request::post(
            format!("/_matrix/client/v3/join/{}", encode(room)),
            &json!({}),
        )
        .query("via", via)
        // Synapse before 1.114 and Tuwunel 1.4 know the older name of the parameter.
        .query("server_name", via);
        self.puppets_http
            .send::<Anything>(&Self::as_user(request, user))
            .await?;
        Ok(())
    }

    /// Joins a room through these servers. Tried once: what becomes of a join whose answer is lost is unknown until the
    /// target was asked whether it took place.
    pub async fn join_through(&self, user: &UserId, room: &str, via: &[&ServerName]) -> Result<()> {
        let path = format!("/_matrix/client/v3/join/{}", encode(room));
        let mut request = Request::post(path, &json!({})).once();
        for server in via {
            request = request.query("via", *server).query("server_name", *server);
        }
        self.puppets_http
            .send::<Anything>(&Self::as_user(request, user))
            .await?;
        Ok(())
    }

    /// Leaves a room.
    pub async fn leave(&self, user: &UserId, room: &RoomId) -> Result<()> {
        let request = Request::post(
            format!("/_matrix/client/v3/rooms/{}/leave", encode(room.as_str())),
            &json!({}),
        );
        self.puppets_http
            .send::<Anything>(&Self::as_user(request, user))
            .await?;
        Ok(())
    }

    /// Gives a joined user a name and a picture of their own in one room; nothing stands for none.
    pub async fn set_member(
        &self,
        user: &UserId,
        room: &RoomId,
        name: Option<&str>,
        avatar_url: Option<&str>,
    ) -> Result<()> {
        let mut content = json!({ "membership": "join" });
        for (field, value) in [("displayname", name), ("avatar_url", avatar_url)] {
            if let Some(value) = value {
                content[field] = json!(value);
            }
        }
        let path = format!(
            "/_matrix/client/v3/rooms/{}/state/m.room.member/{}",
            encode(room.as_str()),
            encode(user.as_str())
        );
        // Tried once: set twice, it would be two events.
        let request = Self::as_user(Request::put(path, &content), user).once();
        self.puppets_http.send::<Anything>(&request).await?;
        Ok(())
    }

    /// Bans `user`, as somebody who has the power to.
    pub async fn ban(&self, by: &UserId, user: &UserId, room: &RoomId) -> Result<()> {
        let request = Request::post(
            format!("/_matrix/client/v3/rooms/{}/ban", encode(room.as_str())),
            &json!({ "user_id": user }),
        );
        self.puppets_http
            .send::<Anything>(&Self::as_user(request, by))
            .await?;
        Ok(())
    }
}
