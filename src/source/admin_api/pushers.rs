//! `GET /_synapse/admin/v1/users/{user_id}/pushers`

use ruma::UserId;
use serde::Deserialize;
use serde_json::Value;

use super::Client;
use crate::{
    Result,
    http::{Request, encode},
};

#[derive(Deserialize)]
struct Answer {
    pushers: Vec<Value>,
}

impl Client {
    /// A local user's pushers, by application and push key.
    pub async fn pushers(&self, user: &UserId) -> Result<Vec<Value>> {
        let request = Request::get(format!(
            "/_synapse/admin/v1/users/{}/pushers",
            encode(user.as_str())
        ));
        let mut pushers = self.http.send::<Answer>(&request).await?.pushers;
        let key = |pusher: &Value| {
            ["app_id", "pushkey"].map(|field| pusher[field].as_str().unwrap_or_default().to_owned())
        };
        pushers.sort_by_key(key);
        Ok(pushers)
    }
}
