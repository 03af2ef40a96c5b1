//! `POST /_matrix/client/v3/keys/query`

use std::collections::BTreeMap;

use ruma::OwnedUserId;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Client, Who};
use crate::{Result, http::Request};

/// No device is called this: the answer has cross-signing keys alone.
const NO_DEVICE: &str = "-";

/// Public keys by user.
#[derive(Debug, Default, Deserialize)]
pub struct Keys {
    /// User → device → keys, with all signatures of the owner.
    #[serde(default)]
    pub device_keys: BTreeMap<String, BTreeMap<String, Map<String, Value>>>,
    /// With those signatures that whoever asks has made.
    #[serde(default)]
    pub master_keys: BTreeMap<String, Value>,
    /// The same.
    #[serde(default)]
    pub self_signing_keys: BTreeMap<String, Value>,
    /// That of whoever asks.
    #[serde(default)]
    pub user_signing_keys: BTreeMap<String, Value>,
}

impl Client {
    /// Keys of local users, of their devices too if `devices`.
    pub async fn keys(
        &self,
        who: &Who,
        users: impl IntoIterator<Item = &OwnedUserId>,
        devices: bool,
    ) -> Result<Keys> {
        let of_each: &[&str] = if devices { &[] } else { &[NO_DEVICE] };
        let query: BTreeMap<_, _> = users.into_iter().map(|user| (user, of_each)).collect();
        let body = json!({ "device_keys": query });
        let request = Request::post("/_matrix/client/v3/keys/query", &body);
        self.http.send(&who.asks(request)).await
    }
}
