//! `GET /_synapse/admin/v1/users/{user_id}/media`

use ruma::UserId;
use serde::Deserialize;
use serde_json::Value;

use super::Client;
use crate::{
    Result,
    http::{Request, encode},
};

/// Items per page; Synapse knows no maximum.
const LIMIT: &str = "500";

#[derive(Deserialize)]
struct Page {
    media: Vec<Value>,
    next_token: Option<u64>,
}

impl Client {
    /// All that a local user has uploaded, oldest first. Entries are raw, so that one bad one doesn't hide the rest.
    pub async fn user_media(&self, user: &UserId) -> Result<Vec<Value>> {
        let mut all = Vec::new();
        let mut from = 0;
        loop {
            let request = Request::get(format!(
                "/_synapse/admin/v1/users/{}/media",
                encode(user.as_str())
            ))
            .query("from", &from)
            .query("limit", LIMIT)
            // What is uploaded meanwhile comes last.
            .query("order_by", "created_ts")
            .query("dir", "f");
            let page: Page = self.http.send(&request).await?;
            let empty = page.media.is_empty();
            all.extend(page.media);
            match page.next_token {
                Some(next) if !empty => from = next,
                _ => return Ok(all),
            }
        }
    }
}
