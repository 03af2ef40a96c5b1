//! `GET /_matrix/client/v3/pushrules/`

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Client, Who};
use crate::{Result, http::Request};

#[derive(Deserialize)]
struct Answer {
    global: BTreeMap<String, Vec<Map<String, Value>>>,
}

impl Client {
    /// All push rules by kind, default ones too, in their order of priority.
    pub async fn push_rules(&self, who: &Who) -> Result<BTreeMap<String, Vec<Map<String, Value>>>> {
        let request = who.asks(Request::get("/_matrix/client/v3/pushrules/"));
        Ok(self.http.send::<Answer>(&request).await?.global)
    }
}
