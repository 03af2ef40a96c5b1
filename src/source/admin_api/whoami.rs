//! `GET /_matrix/client/v3/account/whoami`

use ruma::OwnedUserId;
use serde::Deserialize;

use super::Client;
use crate::{Result, http::Request};

#[derive(Deserialize)]
struct Answer {
    user_id: OwnedUserId,
}

impl Client {
    /// Whose token it is.
    pub async fn whoami(&self) -> Result<OwnedUserId> {
        let request = Request::get("/_matrix/client/v3/account/whoami");
        Ok(self.http.send::<Answer>(&request).await?.user_id)
    }
}
