//! The server that is entered, through Matrix APIs only: puppets by application service, the admin room, and what it
//! can do.

pub mod abilities;
pub mod account;
pub mod account_data;
pub mod admin_room;
pub mod cross_signing;
mod date;
pub mod directory;
pub mod key_backup;
pub mod media;
pub mod membership;
pub mod pending;
mod ping;
pub mod profile;
pub mod push_rules;
mod reach;
pub mod receipts;
pub mod room;
mod session;

use std::collections::BTreeMap;

use ruma::{OwnedServerName, OwnedUserId, UserId};
use serde::Deserialize;
use serde_json::value::RawValue;

pub use crate::resident::notary::PublishedKeys;
use crate::{
    Error, Result,
    config::{Config, Tokens},
    http::{Http, Request},
    resident::notary,
};

const SERVER: &str = "the target";
const REMEDY: &str = "hand it both files of `ferryman registration` (its text says how), with the tokens that are in them";

/// The target, as the puppets' and as the bot's application service.
#[derive(Debug, Clone)]
pub struct Target {
    /// The users' server name.
    pub server_name: OwnedServerName,
    /// The bot.
    pub bot: OwnedUserId,
    puppets_http: Http,
    bot_http: Http,
    anonymous_http: Http,
}

/// `{}` and whatever else an answer holds that nobody reads.
#[derive(Debug, Deserialize)]
pub struct Anything {}

/// `GET /account/whoami`.
#[derive(Debug, Deserialize)]
struct Whoami {
    user_id: OwnedUserId,
}

impl Target {
    /// From the configuration.
    pub fn new(config: &Config, tokens: &Tokens) -> Result<Self> {
        let url = &config.target.url;
        Ok(Self {
            server_name: config.server_name.clone(),
            bot: OwnedUserId::try_from(config.bot_id()).map_err(|error| {
                Error::Config(format!("bot.localpart makes no user ID ({error})"))
            })?,
            puppets_http: Http::new(SERVER, url, Some(tokens.puppets_as.clone()), REMEDY)?,
            bot_http: Http::new(SERVER, url, Some(tokens.bot_as.clone()), REMEDY)?,
            anonymous_http: Http::new(SERVER, url, None, REMEDY)?,
        })
    }

    /// For somebody who wants to know now: a target that goes away is not waited for.
    #[must_use]
    pub fn hurried(self) -> Self {
        Self {
            puppets_http: self.puppets_http.hurried(),
            bot_http: self.bot_http.hurried(),
            ..self
        }
    }

    /// The base URL.
    #[must_use]
    pub fn url(&self) -> &str {
        self.bot_http.base()
    }

    /// Who the bot's token belongs to.
    pub async fn bot_whoami(&self) -> Result<OwnedUserId> {
        let whoami: Whoami = self
            .bot_http
            .send(&Request::get("/_matrix/client/v3/account/whoami"))
            .await?;
        Ok(whoami.user_id)
    }

    /// Whether the puppets' token may act for a user of the server.
    pub async fn puppets_whoami(&self) -> Result<OwnedUserId> {
        let whoami: Whoami = self
            .puppets_http
            .send(&Request::get("/_matrix/client/v3/account/whoami"))
            .await?;
        Ok(whoami.user_id)
    }

    /// The target's current public signing keys: ID to unpadded base64.
    pub async fn server_keys(&self) -> Result<BTreeMap<String, String>> {
        Ok(self.published_keys().await?.current)
    }

    /// The target's public signing keys, current and old.
    pub async fn published_keys(&self) -> Result<PublishedKeys> {
        let request = Request::get("/_matrix/key/v2/server");
        let object: Box<RawValue> = self.bot_http.send(&request).await?;
        notary::all_keys(&object).map_err(|error| Error::Malformed {
            server: SERVER,
            request: "GET /_matrix/key/v2/server".to_owned(),
            reason: error.to_string(),
        })
    }

    /// A request as one of the server's users.
    fn as_user(request: Request, user: &UserId) -> Request {
        request.query("user_id", user)
    }
}
