//! `GET /_matrix/key/v2/server` and `POST /_matrix/key/v2/query`

use ruma::ServerName;
use serde::Deserialize;
use serde_json::{json, value::RawValue};

use super::{Client, request::Request};
use crate::Result;

#[derive(Deserialize)]
struct Answer {
    server_keys: Vec<Box<RawValue>>,
}

impl Client {
    /// Synapse's own signing keys, old ones included, as its federation listener gives them.
    pub async fn own_keys(&self) -> Result<Box<RawValue>> {
        let request = Request::get(&["_matrix", "key", "v2", "server"]).without_token();
        self.send(request).await
    }

    /// Another server's signing keys, as Synapse has them: it is a notary. Empty if it has and gets none.
    pub async fn remote_keys(&self, server: &ServerName) -> Result<Vec<Box<RawValue>>> {
        let body = json!({ "server_keys": { server.as_str(): {} } });
        let request = Request::post(&["_matrix", "key", "v2", "query"], body).without_token();
        Ok(self.send::<Answer>(request).await?.server_keys)
    }
}
