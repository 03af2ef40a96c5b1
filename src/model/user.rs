//! A user of the source: one entry of the bundle's `users.json`.

use ruma::OwnedUserId;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// One local account. Field names are the bundle's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "the flags of Synapse's users table, named as in the bundle"
)]
pub struct User {
    /// Full ID.
    #[serde(alias = "name")]
    pub user_id: OwnedUserId,
    /// Display name.
    #[serde(default)]
    pub displayname: Option<String>,
    /// `mxc://` URI of the picture.
    #[serde(default)]
    pub avatar_url: Option<String>,
    /// Server admin.
    #[serde(default, deserialize_with = "null_is_default")]
    pub is_admin: bool,
    /// Closed for good.
    #[serde(default, deserialize_with = "null_is_default")]
    pub deactivated: bool,
    /// Closed and its messages hidden.
    #[serde(default, deserialize_with = "null_is_default")]
    pub erased: bool,
    /// Sees the room, isn't seen.
    #[serde(default, deserialize_with = "null_is_default")]
    pub shadow_banned: bool,
    /// Can't use its tokens.
    #[serde(default, deserialize_with = "null_is_default")]
    pub locked: bool,
    /// Can't act, can read.
    #[serde(default, deserialize_with = "null_is_default")]
    pub suspended: bool,
    /// A guest account.
    #[serde(default, deserialize_with = "null_is_default")]
    pub is_guest: bool,
    /// Synapse's approval of a registration; `None` where unknown.
    #[serde(default)]
    pub approved: Option<bool>,
    /// `bot`, `support`, or none.
    #[serde(default)]
    pub user_type: Option<String>,
    /// The application service that owns it.
    #[serde(default)]
    pub appservice_id: Option<String>,
    /// Milliseconds since the Unix epoch.
    #[serde(default)]
    pub creation_ts: Option<u64>,
    /// Milliseconds since the Unix epoch.
    #[serde(default)]
    pub last_seen_ts: Option<u64>,
    /// `{medium, address, …}` as Synapse gives them.
    #[serde(default, deserialize_with = "null_is_default")]
    pub threepids: Vec<Value>,
    /// `{auth_provider, external_id}` as Synapse gives them.
    #[serde(default)]
    pub external_ids: Vec<Value>,
    /// Fields of the profile beyond name and picture (Synapse's custom profile fields).
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub profile: Map<String, Value>,
}

fn null_is_default<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: Default + Deserialize<'de>,
    D: serde::Deserializer<'de>,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}
