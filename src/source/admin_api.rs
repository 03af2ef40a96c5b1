//! Synapse's Admin and Client API with an admin's token.

mod account_data;
mod admin;
mod aliases;
mod background_updates;
mod block;
mod context;
mod date;
mod devices;
mod fetch_event;
mod forward_extremities;
mod initial_sync;
mod key_backup_keys;
mod key_backup_version;
mod keys_query;
mod login;
mod logout;
mod media_download;
mod memberships;
mod messages;
mod old_accounts;
mod profile;
mod push_rules;
mod pushers;
mod rooms;
mod server_keys;
mod server_version;
mod state;
mod sync;
mod user_media;
mod users;
mod who;
mod whoami;

#[cfg(test)]
mod tests;

use std::time::Duration;

pub use account_data::ServedAccountData;
pub use context::{Context, Neighbour};
pub use forward_extremities::Extremity;
pub use key_backup_keys::Sessions;
pub use key_backup_version::BackupVersion;
pub use keys_query::Keys;
pub use messages::Page;
pub use old_accounts::OldAccounts;
pub use profile::has_custom_profiles;
pub use rooms::ListedRoom;
pub use sync::{OfRoom, ServedReceipt, ServedReceipts, Synced};
pub use users::{ListedUser, UserDetails};
pub use who::Who;

use crate::{
    Error, Result, config,
    http::{Http, Patience},
};

/// The name that errors give this server.
const SERVER: &str = "Synapse";
/// What the operator does when Synapse refuses the token.
const REMEDY: &str = "give the access token of a server admin as synapse.admin_token";
/// Only a server admin may ask what begins like this, and what the operator does about another's token.
const FOR_ADMINS: (&str, &str) = (
    "/_synapse/admin/",
    "its user is not a server admin; give the access token of one as synapse.admin_token",
);
/// Requests at a time: one Synapse process is fully busy with these.
const IN_FLIGHT: usize = 8;
/// Attempts for one request, the first one included: a broken room fails for good, and there can be many.
const ATTEMPTS: u32 = 4;
/// The first wait between attempts; each further one is twice as long.
const PAUSE: Duration = Duration::from_millis(250);
/// A page of a thousand events, or the state of a huge room, takes a small server long.
const TIMEOUT: Duration = Duration::from_mins(3);

/// A client of Synapse.
pub struct Client {
    http: Http,
}

impl Client {
    /// A client for the configured Synapse; nothing is sent yet.
    pub fn new(config: &config::Synapse) -> Result<Self> {
        let bad = |reason: String| {
            Error::Config(format!(
                "synapse.url {}: {reason}: give it as https://host or http://host:port",
                config.url
            ))
        };
        let url = reqwest::Url::parse(&config.url).map_err(|error| bad(error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(bad("this is no web address".into()));
        }
        let token = Some(config.admin_token.clone());
        let (path, remedy) = FOR_ADMINS;
        let http = Http::new(SERVER, &config.url, token, REMEDY)?
            .for_admins(path, remedy)
            .timeout(TIMEOUT)
            .in_flight(IN_FLIGHT)
            .patience(Patience {
                tries: ATTEMPTS,
                pause: PAUSE,
                waits: true,
            });
        Ok(Self { http })
    }

    /// The same client with another first wait between attempts.
    #[must_use]
    pub fn with_pause(self, pause: Duration) -> Self {
        Self {
            http: self.http.pause(pause),
        }
    }

    /// For somebody who wants to know now: a Synapse that goes away is not waited for.
    #[must_use]
    pub fn hurried(self) -> Self {
        Self {
            http: self.http.hurried(),
        }
    }

    /// Requests sent so far, repeated ones counted each time.
    pub fn requests(&self) -> u64 {
        self.http.requests()
    }

    /// Base URL, without a trailing slash.
    pub fn url(&self) -> &str {
        self.http.base()
    }
}
