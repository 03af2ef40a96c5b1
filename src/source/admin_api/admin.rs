//! `GET /_synapse/admin/v2/users?limit=1`: the cheapest question that only an admin is answered.

use serde::Deserialize;

use super::Client;
use crate::{Result, http::Request};

#[derive(Deserialize)]
struct Answer {}

impl Client {
    /// Synapse's version, if the token is an admin's.
    pub async fn check_admin(&self) -> Result<String> {
        let version = self.server_version().await?;
        let request = Request::get("/_synapse/admin/v2/users").query("limit", "1");
        self.http.send::<Answer>(&request).await?;
        Ok(version)
    }
}
