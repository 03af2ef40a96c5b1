//! `POST /_matrix/client/v3/logout`

use serde::Deserialize;
use serde_json::json;

use super::Client;
use crate::{Error, Result, http::Request, secret::SecretString};

#[derive(Deserialize)]
struct Answer {}

impl Client {
    /// Ends a token. One that is not known any more has ended.
    pub async fn log_out(&self, token: &SecretString) -> Result<()> {
        let request = Request::post("/_matrix/client/v3/logout", &json!({})).with_token(token);
        match self.http.send::<Answer>(&request).await {
            Ok(Answer {}) => Ok(()),
            Err(Error::Answer { errcode, .. }) if errcode == "M_UNKNOWN_TOKEN" => Ok(()),
            Err(error) => Err(error),
        }
    }
}
