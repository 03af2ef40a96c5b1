//! `POST /_synapse/admin/v1/users/{user_id}/login`

use ruma::UserId;
use serde::Deserialize;
use serde_json::json;

use super::Client;
use crate::{
    Result,
    http::{Request, encode},
    secret::SecretString,
};

#[derive(Deserialize)]
struct Answer {
    access_token: SecretString,
}

impl Client {
    /// A token that acts as a local user, without a device: the user's list of devices stays as it is. Whoever asks for
    /// it logs it out.
    ///
    /// `valid_until_ms` (since the Unix epoch) ends it if that fails. Synapse refuses the admin's own ID (400), an ID
    /// without an account (404) and everybody where a Matrix Authentication Service answers logins (404).
    pub async fn log_in_as(&self, user: &UserId, valid_until_ms: u64) -> Result<SecretString> {
        let path = format!("/_synapse/admin/v1/users/{}/login", encode(user.as_str()));
        let request = Request::post(path, &json!({ "valid_until_ms": valid_until_ms }));
        Ok(self.http.send::<Answer>(&request).await?.access_token)
    }
}
