//! One user's entry in the bundle's `cross_signing.json`.

use std::collections::BTreeMap;

use ruma::OwnedUserId;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// Public keys with the user's own signatures, and what the user signed of others.
///
/// Keys have the shape of `POST /_matrix/client/v3/keys/query`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct CrossSigning {
    /// The user's identity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub master_key: Option<Box<RawValue>>,
    /// Signs the user's own devices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub self_signing_key: Option<Box<RawValue>>,
    /// Signs other users' master keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_signing_key: Option<Box<RawValue>>,
    /// Other user → key that was signed → key that signed → signature: whom this user has verified.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub signed_users: BTreeMap<OwnedUserId, BTreeMap<String, BTreeMap<String, String>>>,
}

impl CrossSigning {
    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.master_key.is_none()
            && self.self_signing_key.is_none()
            && self.user_signing_key.is_none()
            && self.signed_users.is_empty()
    }
}
