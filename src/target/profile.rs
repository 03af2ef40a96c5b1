//! Display names and pictures.

use ruma::UserId;
use serde::Deserialize;
use serde_json::json;

use super::{Anything, Target};
use crate::{
    Result,
    http::{Request, encode},
};

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

impl Target {
    /// A user's profile, or `None` if the target doesn't know the user.
    pub async fn profile(&self, user: &UserId) -> Result<Option<Profile>> {
        let path = format!("/_matrix/client/v3/profile/{}", encode(user.as_str()));
        let profile: Option<Profile> = self.puppets_http.find(&Request::get(path)).await?;
        Ok(profile.map(Profile::normal))
    }

    /// Sets the display name; an empty one removes it. Tried once: set twice, it would be two member events in every room.
    pub async fn set_displayname(&self, user: &UserId, name: &str) -> Result<()> {
        self.set_profile_field(user, "displayname", name).await
    }

    /// Sets the picture's URI; an empty one removes it. Tried once, as the display name.
    pub async fn set_avatar_url(&self, user: &UserId, uri: &str) -> Result<()> {
        self.set_profile_field(user, "avatar_url", uri).await
    }

    async fn set_profile_field(&self, user: &UserId, field: &str, value: &str) -> Result<()> {
        let path = format!(
            "/_matrix/client/v3/profile/{}/{field}",
            encode(user.as_str())
        );
        let request = Self::as_user(Request::put(path, &json!({ field: value })), user).once();
        self.puppets_http.send::<Anything>(&request).await?;
        Ok(())
    }
}
