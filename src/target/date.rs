//! The target's clock, by an answer of `GET /_matrix/client/versions`.

use super::Target;
use crate::{Result, http::Request};

impl Target {
    /// Its time in milliseconds since the Unix epoch; `None` if it doesn't say.
    pub async fn date(&self) -> Result<Option<u64>> {
        let request = Request::get("/_matrix/client/versions").without_token();
        self.bot_http.date(&request).await
    }
}
