//! `POST /_matrix/client/v1/appservice/{id}/ping`: does the target reach the bot?

use reqwest::Method;
use serde_json::json;

use super::{Body, Client, segment};
use crate::{Result, registration::BOT_ID};

impl Client {
    /// Asks the target to call the bot's own `POST /_matrix/app/v1/ping`.
    pub async fn ping(&self, txn: &str) -> Result<()> {
        let path = format!("/_matrix/client/v1/appservice/{}/ping", segment(BOT_ID));
        let body = json!({"transaction_id": txn});
        self.request(Method::POST, &path, &Body::Json(&body), 2)
            .await
            .map(drop)
    }
}
