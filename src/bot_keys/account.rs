//! The homeserver as the bot sees it: by the bot's own token, or by an application service that acts as the bot.

use ruma::{OwnedUserId, UserId};
use serde::{Deserialize, de::DeserializeOwned};

use crate::{
    Error, Result,
    http::{Http, Request},
    secret::SecretString,
};

const SERVER: &str = "the homeserver";
const REMEDY: &str = "give the bot's own access token, of a device that is logged in";

/// How a bot's account is reached.
#[derive(Debug, Clone)]
pub enum Door {
    /// By the bot's own token.
    Token {
        /// The homeserver's base URL.
        homeserver: String,
        /// Of a device that is logged in.
        token: SecretString,
    },
    /// By the migration's application service, which acts as the bot.
    Service {
        /// The homeserver's base URL.
        homeserver: String,
        /// The application service's.
        token: SecretString,
    },
}

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
    /// Through a door; `user` is the bot, as far as that is known. An error if it is somebody else's.
    pub async fn open(door: &Door, user: Option<&UserId>) -> Result<Self> {
        match door {
            Door::Token { homeserver, token } => {
                let account = Self::of_token(homeserver, token.clone()).await?;
                match user {
                    Some(user) if account.user != user => Err(Error::Usage(format!(
                        "the access token is that of {}, and not that of {user}: give the bot's own",
                        account.user
                    ))),
                    _ => Ok(account),
                }
            }
            Door::Service { homeserver, token } => {
                let user = user.ok_or_else(|| {
                    Error::Usage("say which bot is meant: give its user ID".to_owned())
                })?;
                Self::of_service(homeserver, token.clone(), user)
            }
        }
    }

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

    /// Whether an application service acts as the bot.
    #[must_use]
    pub fn by_service(&self) -> bool {
        self.by_service
    }

    /// With hardly a pause between two tries.
    #[cfg(test)]
    pub(in crate::bot_keys) fn impatient(mut self) -> Self {
        self.http = self.http.pause(std::time::Duration::ZERO);
        self
    }

    /// Sends a request as the bot.
    pub(in crate::bot_keys) async fn ask<T: DeserializeOwned>(
        &self,
        request: Request,
    ) -> Result<T> {
        self.http.send(&self.as_bot(request)).await
    }

    /// `None` where the homeserver says that there is nothing of the kind.
    pub(in crate::bot_keys) async fn find<T: DeserializeOwned>(
        &self,
        request: Request,
    ) -> Result<Option<T>> {
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
