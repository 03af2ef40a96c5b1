//! `GET /_synapse/admin/v2/users` and `GET /_synapse/admin/v2/users/{user_id}`

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::Client;
use crate::{
    Error, Result,
    http::{Request, encode},
};

/// Users per page; Synapse knows no maximum.
const LIMIT: &str = "500";

/// A user of the list.
#[derive(Debug, Clone, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "the flags of Synapse's users table"
)]
pub struct ListedUser {
    /// The full ID, unchecked.
    pub name: String,
    /// Display name.
    #[serde(default)]
    pub displayname: Option<String>,
    /// `mxc://` URI.
    #[serde(default)]
    pub avatar_url: Option<String>,
    /// Server admin.
    #[serde(default, deserialize_with = "flag")]
    pub admin: bool,
    /// Closed for good.
    #[serde(default, deserialize_with = "flag")]
    pub deactivated: bool,
    /// Closed and its messages hidden.
    #[serde(default, deserialize_with = "flag")]
    pub erased: bool,
    /// Sees the room, isn't seen.
    #[serde(default, deserialize_with = "flag")]
    pub shadow_banned: bool,
    /// Can't use its tokens.
    #[serde(default, deserialize_with = "flag")]
    pub locked: bool,
    /// A guest account.
    #[serde(default, deserialize_with = "flag")]
    pub is_guest: bool,
    /// Only there with MSC3866.
    #[serde(default)]
    pub approved: Option<bool>,
    /// `bot`, `support`, or none.
    #[serde(default)]
    pub user_type: Option<String>,
    /// Milliseconds since the Unix epoch (the details have seconds).
    #[serde(default)]
    pub creation_ts: Option<u64>,
    /// Milliseconds since the Unix epoch.
    #[serde(default)]
    pub last_seen_ts: Option<u64>,
}

/// What only the details of a user have.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct UserDetails {
    /// `{medium, address, validated_at, added_at}`.
    #[serde(default)]
    pub threepids: Vec<Value>,
    /// `{auth_provider, external_id}`.
    #[serde(default)]
    pub external_ids: Vec<Value>,
    /// Can't act, can read.
    #[serde(default, deserialize_with = "flag")]
    pub suspended: bool,
    /// The application service that owns it.
    #[serde(default)]
    pub appservice_id: Option<String>,
}

#[derive(Deserialize)]
struct Page {
    users: Vec<Value>,
    next_token: Option<String>,
}

impl Client {
    /// All local users: deactivated, locked and guests too. Entries are raw, so that one bad one doesn't hide the rest.
    ///
    /// With MAS, Synapse refuses to list guests (there are none that MAS knows): they are left out then.
    pub async fn users(&self) -> Result<Vec<Value>> {
        match self.users_with(true).await {
            Err(Error::Answer { status: 400, .. }) => self.users_with(false).await,
            other => other,
        }
    }

    async fn users_with(&self, guests: bool) -> Result<Vec<Value>> {
        let mut all = Vec::new();
        let mut from = "0".to_owned();
        loop {
            let request = Request::get("/_synapse/admin/v2/users")
                .query("from", &from)
                .query("limit", LIMIT)
                .query("deactivated", "true")
                .query("locked", "true")
                .query("guests", &guests);
            let page: Page = self.http.send(&request).await?;
            let empty = page.users.is_empty();
            all.extend(page.users);
            match page.next_token {
                Some(next) if !empty => from = next,
                _ => return Ok(all),
            }
        }
    }

    /// What only the details of a user have.
    pub async fn user(&self, user_id: &str) -> Result<UserDetails> {
        let request = Request::get(format!("/_synapse/admin/v2/users/{}", encode(user_id)));
        self.http.send(&request).await
    }
}

/// Older versions of Synapse give 0 and 1.
fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::Bool(value) => value,
        Value::Number(number) => number.as_u64() != Some(0),
        _ => false,
    })
}
