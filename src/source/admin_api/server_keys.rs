//! `GET /_matrix/key/v2/server` and `POST /_matrix/key/v2/query`

use ruma::ServerName;
use serde::Deserialize;
use serde_json::{json, value::RawValue};

use super::Client;
use crate::{Result, http::Request};

#[derive(Deserialize)]
struct Answer {
    server_keys: Vec<Box<RawValue>>,
}

impl Client {
    /// Synapse's own signing keys, old ones included, as its federation listener gives them.
    pub async fn own_keys(&self) -> Result<Box<RawValue>> {
        let request = Request::get("/_matrix/key/v2/server").without_token();
        self.http.send(&request).await
    }

    /// Another server's signing keys, as Synapse stored them (it is a notary): old ones too, without asking that
    /// server again. Empty if it has none.
    pub async fn remote_keys(&self, server: &ServerName) -> Result<Vec<Box<RawValue>>> {
        let body = json!({ "server_keys": { server.as_str(): {} } });
        let request = Request::post("/_matrix/key/v2/query", &body).without_token();
        let mut keys = self.http.send::<Answer>(&request).await?.server_keys;
        // Synapse gives them in any order.
        keys.sort_by(|one, other| one.get().cmp(other.get()));
        Ok(keys)
    }
}
