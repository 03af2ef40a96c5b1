//! The operator's configuration, as it is after the file, the environment and the defaults came together.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use reqwest::header::HeaderName;
use ruma::{OwnedRoomOrAliasId, OwnedServerName, OwnedUserId};

pub use crate::model::proxy::Proxy;
use crate::secret::SecretString;

mod check;
mod database;
pub mod keys;
mod layers;
pub mod load;
mod near;
mod tokens;

#[cfg(test)]
mod sample;
#[cfg(test)]
mod tests;

pub use database::DatabaseAddress;
pub use near::nearest;
#[cfg(test)]
pub(crate) use sample::sample;

/// Everything that `ferryman.toml` and `FERRYMAN_…` say.
#[derive(Debug, Clone)]
pub struct Config {
    /// The name after the colon in the users' IDs on the target; on Synapse, too, unless `synapse.server_name` says another.
    pub server_name: OwnedServerName,
    /// Whose commands the bot obeys.
    pub operators: Vec<OwnedUserId>,
    /// Ledger, bundles, reports, tokens.
    pub data_dir: PathBuf,
    /// The server that is left.
    pub synapse: Synapse,
    /// The server that is entered.
    pub target: Target,
    /// The server as everybody else sees it.
    pub public: Public,
    /// The bot and its listener.
    pub bot: Bot,
    /// The federation face of the migration.
    pub resident: Resident,
    /// What lets people keep their passwords.
    pub login_bridge: LoginBridge,
    /// The bots whose room keys are carried.
    pub bot_keys: BotKeys,
    /// Health and metrics of `ferryman run`.
    pub metrics: Metrics,
}

/// `[synapse]`.
#[derive(Debug, Clone)]
pub struct Synapse {
    /// Base URL, without a trailing slash.
    pub url: String,
    /// The name after the colon in its users' IDs, where they get another one on the target.
    pub server_name: Option<OwnedServerName>,
    /// An admin's access token.
    pub admin_token: SecretString,
    /// Its database, if that is to be read.
    pub database: Option<DatabaseAddress>,
    /// Its configuration: a file, or a folder of `*.yaml`. `database` and `media_path` win over what it says.
    pub homeserver_yaml: Option<PathBuf>,
    /// Its media store: the folder that holds `local_content`.
    pub media_path: Option<PathBuf>,
    /// Its signing key, if receipts are to keep their times: it is used for nothing else.
    pub signing_key_for_receipts: Option<PathBuf>,
}

/// `[tuwunel]`.
#[derive(Debug, Clone)]
pub struct Target {
    /// Base URL, without a trailing slash.
    pub url: String,
}

/// `[public]`. What isn't said is asked of `/.well-known/matrix`.
#[derive(Debug, Clone, Default)]
pub struct Public {
    /// Where clients reach the server: a base URL without a trailing slash.
    pub client_url: Option<String>,
    /// Where other servers reach it: a base URL without a trailing slash.
    pub federation_url: Option<String>,
    /// The reverse proxy in front of it.
    pub proxy: Option<Proxy>,
}

/// `[bot]`.
#[derive(Debug, Clone)]
pub struct Bot {
    /// The bot is `@<localpart>:<server_name>`.
    pub localpart: String,
    /// Where the application service listens.
    pub listen: SocketAddr,
    /// Where the target reaches it, for the registration.
    pub url: String,
    /// An existing control room; without one the bot makes it.
    pub control_room: Option<OwnedRoomOrAliasId>,
    /// What an operator's power level in the control room must be at least; `None` asks for none.
    pub min_power_level: Option<i64>,
    /// Whether the room that the bot makes is encrypted.
    pub encrypted: bool,
    /// Whose devices may order in an encrypted room.
    pub trust: Trust,
    /// From one edit of a job's progress to the next.
    pub edit_every: Duration,
    /// Where the two registration files go.
    pub registration_dir: PathBuf,
}

/// `bot.trust`: which of an operator's devices the bot takes orders from in an encrypted room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// Each that the operator is logged in on.
    Any,
    /// Only those that the operator has verified, which signs them.
    CrossSigned,
}

/// `[resident]`.
#[derive(Debug, Clone)]
pub struct Resident {
    /// `<host of server_name>:<other port>`.
    pub name: OwnedServerName,
    /// Where it listens.
    pub listen: SocketAddr,
    /// PEM chain; without one a self-signed certificate is made.
    pub certificate: Option<PathBuf>,
    /// PEM key of the certificate.
    pub private_key: Option<PathBuf>,
}

/// `[login_bridge]`.
#[derive(Debug, Clone)]
pub struct LoginBridge {
    /// Where it listens for what the proxy hands it.
    pub listen: SocketAddr,
    /// The header in which the proxy names the client's address.
    pub address_header: Option<HeaderName>,
    /// What Synapse adds to every password, if `homeserver.yaml` is not to say it.
    pub pepper: Option<SecretString>,
    /// The days after which it ends.
    pub days: Option<u32>,
}

/// `[bot_keys]`.
#[derive(Debug, Clone, Default)]
pub struct BotKeys {
    /// A list of bots: [`crate::bot_keys::list`].
    pub list: Option<PathBuf>,
}

/// `[metrics]`.
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    /// Where `/live`, `/ready` and `/metrics` are; nowhere without it.
    pub listen: Option<SocketAddr>,
}

impl Config {
    /// The name after the colon in the users' IDs on Synapse.
    #[must_use]
    pub fn source_name(&self) -> &OwnedServerName {
        let own = self.synapse.server_name.as_ref();
        own.unwrap_or(&self.server_name)
    }

    /// Whether users get another server's name: only federation mode does that.
    #[must_use]
    pub fn renames(&self) -> bool {
        *self.source_name() != self.server_name
    }

    /// The bot's own ID.
    #[must_use]
    pub fn bot_id(&self) -> String {
        format!("@{}:{}", self.bot.localpart, self.server_name)
    }
}

/// The two registrations' tokens, kept in `<data_dir>/tokens.toml` (mode 0600).
#[derive(Debug, Clone)]
pub struct Tokens {
    /// The bot's requests to the target.
    pub bot_as: SecretString,
    /// The target's requests to the bot.
    pub bot_hs: SecretString,
    /// The puppets' requests to the target.
    pub puppets_as: SecretString,
    /// Never used for requests (the puppets' registration has no URL), but every registration has one.
    pub puppets_hs: SecretString,
}
