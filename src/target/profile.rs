//! Display names and pictures.

use ruma::UserId;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Anything, Target};
use crate::{
    Error, Result,
    http::{Request, encode},
};

/// How Tuwunel 1.9 is asked to leave the rooms alone: their own member events are carried over. MSC4466.
const PROPAGATE_TO: &str = "org.matrix.msc4466.propagate_to";

/// A user's global profile; an empty string counts as none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Profile {
    /// Display name.
    pub displayname: Option<String>,
    /// `mxc://` URI.
    pub avatar_url: Option<String>,
}

impl Profile {
    /// The same with empty strings taken away.
    #[must_use]
    pub fn normal(self) -> Self {
        let full = |text: &String| !text.is_empty();
        Self {
            displayname: self.displayname.filter(full),
            avatar_url: self.avatar_url.filter(full),
        }
    }
}

fn field_path(user: &UserId, field: &str) -> String {
    format!(
        "/_matrix/client/v3/profile/{}/{}",
        encode(user.as_str()),
        encode(field)
    )
}

impl Target {
    /// A user's profile, or `None` if the target doesn't know the user.
    pub async fn profile(&self, user: &UserId) -> Result<Option<Profile>> {
        let path = format!("/_matrix/client/v3/profile/{}", encode(user.as_str()));
        let profile: Option<Profile> = self.puppets_http.find(&Request::get(path)).await?;
        Ok(profile.map(Profile::normal))
    }

    /// The whole profile by field; empty if the target doesn't know the user.
    ///
    /// Tuwunel 1.4 gives the time zone as `tz`, and a text or number in any other field as a text that holds its JSON.
    pub async fn profile_fields(&self, user: &UserId) -> Result<Map<String, Value>> {
        let path = format!("/_matrix/client/v3/profile/{}", encode(user.as_str()));
        let fields: Option<Map<String, Value>> =
            self.puppets_http.find(&Request::get(path)).await?;
        Ok(fields.unwrap_or_default())
    }

    /// Sets a field beyond name and picture. Tuwunel 1.4 knows them by the path from before they were in the
    /// specification.
    pub async fn set_profile_field(&self, user: &UserId, field: &str, value: &Value) -> Result<()> {
        let body = json!({ field: value });
        let early = format!(
            "/_matrix/client/unstable/uk.tcpip.msc4133/profile/{}/{}",
            encode(user.as_str()),
            encode(field)
        );
        match self.put_field(user, early, &body).await {
            Err(Error::Answer { errcode, .. }) if errcode == "M_UNRECOGNIZED" => {
                self.put_field(user, field_path(user, field), &body).await
            }
            other => other,
        }
    }

    /// Sets the time zone in the one way in which Tuwunel 1.4 shows it as it was.
    pub async fn set_time_zone(&self, user: &UserId, value: &Value) -> Result<()> {
        let body = json!({ "us.cloke.msc4175.tz": value });
        self.put_field(user, field_path(user, "m.tz"), &body).await
    }

    async fn put_field(&self, user: &UserId, path: String, body: &Value) -> Result<()> {
        let request = Self::as_user(Request::put(path, body), user);
        self.puppets_http.send::<Anything>(&request).await?;
        Ok(())
    }

    /// Sets the display name, without a word to the rooms where the target can be asked for that; an empty one removes it. Tried once: set twice, it would be two member events in every room.
    pub async fn set_displayname(&self, user: &UserId, name: &str) -> Result<()> {
        self.set_known_field(user, "displayname", name).await
    }

    /// Sets the picture's URI; an empty one removes it. Tried once, as the display name.
    pub async fn set_avatar_url(&self, user: &UserId, uri: &str) -> Result<()> {
        self.set_known_field(user, "avatar_url", uri).await
    }

    async fn set_known_field(&self, user: &UserId, field: &str, value: &str) -> Result<()> {
        let request = Request::put(field_path(user, field), &json!({ field: value }));
        let request = Self::as_user(request, user)
            .query(PROPAGATE_TO, "none")
            .once();
        self.puppets_http.send::<Anything>(&request).await?;
        Ok(())
    }
}
