//! The homeserver as the bot sees it: by the bot's own token, or by an application service that acts as the bot.

use ruma::{OwnedUserId, UserId};
use serde::{Deserialize, de::DeserializeOwned};

use crate::{
    Result,
    http::{Http, Request},
    secret::SecretString,
};

const SERVER: &str = "the homeserver";
const REMEDY: &str = "give the bot's own access token, of a device that is logged in";

/// A bot's account. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Account {
    http: Http,
    /// The bot.
    pub user: OwnedUserId,
    /// The device that the token belongs to; an application service has none.
    pub device: Option<String>,
    by_service: bool,
}

#[derive(Deserialize)]
struct WhoAmI {
    user_id: OwnedUserId,
    device_id: Option<String>,
}

impl Account {
    /// By the bot's own token.
    pub async fn of_token(url: &str, token: SecretString) -> Result<Self> {
        let http = Http::new(SERVER, url, Some(token), REMEDY)?;
        let whoami = Request::get("/_matrix/client/v3/account/whoami");
        let whoami: WhoAmI = http.send(&whoami).await?;
        Ok(Self {
            http,
            user: whoami.user_id,
            device: whoami.device_id,
            by_service: false,
        })
    }

    /// By an application service whose namespace the bot is in.
    pub fn of_service(url: &str, token: SecretString, user: &UserId) -> Result<Self> {
        let remedy = "register the application service of this configuration";
        Ok(Self {
            http: Http::new(SERVER, url, Some(token), remedy)?,
            user: user.to_owned(),
            device: None,
            by_service: true,
        })
    }

    /// With hardly a pause between two tries.
    #[cfg(test)]
    pub(super) fn impatient(mut self) -> Self {
        self.http = self.http.pause(std::time::Duration::ZERO);
        self
    }

    /// Sends a request as the bot.
    pub(super) async fn ask<T: DeserializeOwned>(&self, request: Request) -> Result<T> {
        self.http.send(&self.as_bot(request)).await
    }

    /// `None` where the homeserver says that there is nothing of the kind.
    pub(super) async fn find<T: DeserializeOwned>(&self, request: Request) -> Result<Option<T>> {
        self.http.find_known(&self.as_bot(request)).await
    }

    fn as_bot(&self, request: Request) -> Request {
        if self.by_service {
            request.query("user_id", &self.user)
        } else {
            request
        }
    }
}
