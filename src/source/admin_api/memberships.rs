//! `GET /_synapse/admin/v1/users/{user_id}/memberships`

use std::collections::BTreeMap;

use serde::Deserialize;

use super::Client;
use crate::{
    Result,
    http::{Request, encode},
};

#[derive(Deserialize)]
struct Answer {
    memberships: BTreeMap<String, String>,
}

impl Client {
    /// A local user's rooms with its membership in each. Older versions of Synapse don't have it (404).
    pub async fn memberships(&self, user_id: &str) -> Result<BTreeMap<String, String>> {
        let request = Request::get(format!(
            "/_synapse/admin/v1/users/{}/memberships",
            encode(user_id)
        ));
        Ok(self.http.send::<Answer>(&request).await?.memberships)
    }
}
