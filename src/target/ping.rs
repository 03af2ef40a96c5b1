//! `POST /_matrix/client/v1/appservice/{id}/ping`: does the target reach the bot?

use serde_json::json;

use super::{Anything, Target};
use crate::{
    Result,
    http::{Request, encode},
    registration::BOT_ID,
};

impl Target {
    /// Asks the target to call the bot's own `POST /_matrix/app/v1/ping`.
    pub async fn ping(&self) -> Result<()> {
        let path = format!("/_matrix/client/v1/appservice/{}/ping", encode(BOT_ID));
        let request = Request::post(path, &json!({ "transaction_id": "doctor" }));
        self.bot_http
            .clone()
            .hurried()
            .send::<Anything>(&request)
            .await?;
        Ok(())
    }
}
