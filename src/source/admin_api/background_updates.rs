//! `GET /_synapse/admin/v1/background_updates/status`

use std::collections::BTreeMap;

use serde::Deserialize;

use super::Client;
use crate::{Result, http::Request};

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    current_updates: BTreeMap<String, Update>,
}

#[derive(Deserialize)]
struct Update {
    name: String,
}

impl Client {
    /// The changes to its database that Synapse works on now, one for each of its databases. More may wait behind them;
    /// only the database lists those.
    pub async fn background_updates(&self) -> Result<Vec<String>> {
        let request = Request::get("/_synapse/admin/v1/background_updates/status");
        let answer: Answer = self.http.send(&request).await?;
        let updates = answer.current_updates.into_values();
        Ok(updates.map(|update| update.name).collect())
    }
}
