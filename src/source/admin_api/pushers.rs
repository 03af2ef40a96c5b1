//! `GET /_synapse/admin/v1/users/{user_id}/pushers`

use ruma::UserId;
use serde::Deserialize;
use serde_json::Value;

use super::Client;
use crate::{
    Result,
    http::{Request, encode},
};

/// What only the Admin API tells.
const ADDED: [&str; 2] = ["enabled", "device_id"];

#[derive(Deserialize)]
struct Answer {
    pushers: Vec<Value>,
}

impl Client {
    /// A local user's pushers as its own clients see them, by application and push key.
    pub async fn pushers(&self, user: &UserId) -> Result<Vec<Value>> {
        let request = Request::get(format!(
            "/_synapse/admin/v1/users/{}/pushers",
            encode(user.as_str())
        ));
        let mut pushers = self.http.send::<Answer>(&request).await?.pushers;
        for pusher in pushers.iter_mut().filter_map(Value::as_object_mut) {
            for field in ADDED {
                pusher.remove(field);
            }
        }
        let key = |pusher: &Value| {
            ["app_id", "pushkey"].map(|field| pusher[field].as_str().unwrap_or_default().to_owned())
        };
        pushers.sort_by_key(key);
        Ok(pushers)
    }
}
