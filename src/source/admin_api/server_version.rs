//! `GET /_synapse/admin/v1/server_version`

use serde::Deserialize;

use super::Client;
use crate::{Error, Result, http::Request};

#[derive(Deserialize)]
struct Answer {
    server_version: String,
}

impl Client {
    /// Synapse's version. [`Error::Config`] if the address doesn't serve the Admin API.
    pub async fn server_version(&self) -> Result<String> {
        let request = Request::get("/_synapse/admin/v1/server_version");
        match self.http.send::<Answer>(&request).await {
            Ok(answer) => Ok(answer.server_version),
            Err(Error::Answer { status: 404, .. }) => Err(Error::Config(format!(
                "synapse.url {} does not serve /_synapse/admin: give Synapse's own address, or let the proxy pass that path from here",
                self.url()
            ))),
            Err(error) => Err(error),
        }
    }
}
