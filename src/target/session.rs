//! A device for the moment: Tuwunel 1.4 panics at some requests of somebody who has none.

use ruma::UserId;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{Anything, Target};
use crate::{Result, hex::hex, http::Request, secret::SecretString};

#[derive(Debug, Deserialize)]
struct Login {
    access_token: SecretString,
}

/// A filter of presence that lets none through, and is another one each time: a Synapse keeps its answer to a device's first
/// `/sync` for two minutes, and the device is the same.
pub(super) fn unlike_others() -> Value {
    json!({ "types": [], "limit": rand::random_range(1..1_000_000) })
}

impl Target {
    /// Logs a user in on a device of ours, which is the same each time for one purpose: what a command that was killed has
    /// left behind, the next one takes away. Whoever calls this logs out again, whatever happens between.
    pub(super) async fn log_in(&self, user: &UserId, purpose: &str) -> Result<SecretString> {
        let digest = hex(&Sha256::digest(purpose)[..4]);
        let login = json!({
            "type": "m.login.application_service",
            "identifier": { "type": "m.id.user", "user": user },
            "initial_device_display_name": "Ferryman",
            "device_id": format!("FERRYMAN_{digest}"),
        });
        let request = Request::post("/_matrix/client/v3/login", &login);
        let login: Login = self.puppets_http.send(&request).await?;
        Ok(login.access_token)
    }

    /// Ends such a session; its device goes with it.
    pub(super) async fn log_out(&self, token: &SecretString) -> Result<()> {
        let logout = Request::post("/_matrix/client/v3/logout", &json!({}));
        self.puppets_http
            .send::<Anything>(&logout.with_token(token))
            .await?;
        Ok(())
    }
}
