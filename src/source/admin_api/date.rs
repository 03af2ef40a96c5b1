//! Synapse's clock, by an answer of `GET /_matrix/client/versions`.

use super::Client;
use crate::{Result, http::Request};

impl Client {
    /// Its time in milliseconds since the Unix epoch; `None` if it doesn't say.
    pub async fn date(&self) -> Result<Option<u64>> {
        let request = Request::get("/_matrix/client/versions").without_token();
        self.http.date(&request).await
    }
}
