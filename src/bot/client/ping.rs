//! `POST /_matrix/client/v1/appservice/{id}/ping`: does the target reach the bot?

use serde_json::{Value, json};

use super::Client;
use crate::{
    Result,
    http::{Request, encode},
    registration::BOT_ID,
};

impl Client {
    /// Asks the target to call the bot's own `POST /_matrix/app/v1/ping`.
    pub async fn ping(&self, txn: &str) -> Result<()> {
        let path = format!("/_matrix/client/v1/appservice/{}/ping", encode(BOT_ID));
        let request = Request::post(path, &json!({"transaction_id": txn})).at_most(2);
        self.ask::<Value>(request).await.map(drop)
    }
}
