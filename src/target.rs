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
pub mod making;
pub mod media;
pub mod membership;
pub mod pending;
mod ping;
pub mod profile;
pub mod push_rules;
mod reach;
pub mod receipts;
pub mod resend;
pub mod room;
pub mod say;
mod session;
pub mod state_keys;

use std::collections::BTreeMap;

use ruma::{OwnedServerName, OwnedUserId, UserId};
use serde::Deserialize;
use serde_json::value::RawValue;

pub use crate::resident::notary::PublishedKeys;
use crate::{
    Error, Result,
    config::{Config, Tokens},
    http::{Http, Request},
    registration::PUPPETS_LOCALPART,
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

    /// Who the bot's token belongs to: the bot also where its registration has another user for its own.
    pub async fn bot_whoami(&self) -> Result<OwnedUserId> {
        let request = Request::get("/_matrix/client/v3/account/whoami");
        let Whoami { user_id } = self.bot_http.send(&request).await?;
        // The puppets' token may act for everybody, and is not the bot's for all that.
        if user_id == self.bot || user_id.localpart() == PUPPETS_LOCALPART {
            return Ok(user_id);
        }
        let as_bot = request.query("user_id", self.bot.as_str());
        match self.bot_http.send::<Whoami>(&as_bot).await {
            Ok(acting) => Ok(acting.user_id),
            Err(Error::Answer { .. }) => Ok(user_id),
            Err(error) => Err(error),
        }
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

#[cfg(test)]
mod tests {
    use serde_json::json;
    use wiremock::{
        Mock, MockServer, ResponseTemplate,
        matchers::{path, query_param, query_param_is_missing},
    };

    use super::*;
    use crate::config::sample;

    /// The owner of the bot's token, of a registration of this user that may act for the bot or not.
    async fn owner(own: &str, may_act: bool) -> String {
        let (server, dir) = (MockServer::start().await, tempfile::tempdir().unwrap());
        let whoami = || Mock::given(path("/_matrix/client/v3/account/whoami"));
        let is = |user: &str| ResponseTemplate::new(200).set_body_json(json!({"user_id": user}));
        let refused = json!({"errcode": "M_FORBIDDEN", "error": "not yours"});
        whoami()
            .and(query_param_is_missing("user_id"))
            .respond_with(is(own))
            .mount(&server)
            .await;
        whoami()
            .and(query_param("user_id", "@ferryman:ferry.test"))
            .respond_with(if may_act {
                is("@ferryman:ferry.test")
            } else {
                ResponseTemplate::new(403).set_body_json(refused)
            })
            .mount(&server)
            .await;
        let mut config = sample(dir.path());
        config.target.url = server.uri();
        let target = Target::new(&config, &Tokens::make(dir.path()).unwrap()).unwrap();
        target.bot_whoami().await.unwrap().to_string()
    }

    #[tokio::test]
    async fn the_bots_token_is_the_bots_or_another_registrations() {
        let bot = "@ferryman:ferry.test";
        assert_eq!(owner(bot, false).await, bot);
        assert_eq!(owner("@ferryman-service:ferry.test", true).await, bot);
        for (own, may_act) in [
            ("@ferryman-puppets:ferry.test", true),
            ("@bridge:ferry.test", false),
        ] {
            assert_eq!(owner(own, may_act).await, own);
        }
    }
}
