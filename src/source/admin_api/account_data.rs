//! `GET /_synapse/admin/v1/users/{user_id}/accountdata`

use std::collections::BTreeMap;

use ruma::UserId;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::Client;
use crate::{
    Result,
    http::{Request, encode},
};

#[derive(Deserialize)]
struct Answer {
    account_data: ServedAccountData,
}

/// Account data by type. Neither tags nor push rules are in it.
#[derive(Debug, Default, Deserialize)]
pub struct ServedAccountData {
    /// Of no room.
    #[serde(default)]
    pub global: BTreeMap<String, Box<RawValue>>,
    /// By room, whose ID is unchecked.
    #[serde(default)]
    pub rooms: BTreeMap<String, BTreeMap<String, Box<RawValue>>>,
}

impl Client {
    /// A local user's account data.
    pub async fn account_data(&self, user: &UserId) -> Result<ServedAccountData> {
        let request = Request::get(format!(
            "/_synapse/admin/v1/users/{}/accountdata",
            encode(user.as_str())
        ));
        Ok(self.http.send::<Answer>(&request).await?.account_data)
    }
}
