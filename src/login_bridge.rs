//! The login bridge: everybody keeps the password from Synapse and never knows that it was moved.
//!
//! The reverse proxy hands it each `/_matrix/client/*/login`. It passes the request to the target as it is. If the
//! target refuses the password and the account still has the random one of its import, the password is checked against
//! Synapse's hash, set as the account's own, and the request is repeated. What is left to do is in the [`vault`].
//!
//! Killed between any two steps it leaves an account that the next right login moves:
//!
//! | after | the account has | and the next login |
//! |---|---|---|
//! | [`State::Begun`] is put down | the random password | is the first one again |
//! | the bridge's own login | the same, and a session | logs the same device in again, and out |
//! | the password was set | its user's password, and a session | is let in by the target; that tells it |
//! | the logging out | its user's password | as before |

mod address;
mod attempt;
mod check;
mod door;
mod limiter;
mod listener;
mod locks;
mod target;
pub mod vault;

#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use door::{Door, SLOT};
use locks::Locks;
use target::Target;
use tokio::{net::TcpListener, sync::Notify};
use vault::{Count, State, Vault};

use crate::{
    Error, Result,
    clock::Clock,
    config::Config,
    secret::{ExposeSecret, SecretString},
};

/// How often the time is looked at.
const TICK: Duration = Duration::from_secs(10);

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// Whether a text can be a hash of Synapse's.
#[must_use]
pub fn is_hash(hash: &SecretString) -> bool {
    check::is_bcrypt(hash.expose_secret())
}

/// The target's public signing keys, as a vault knows them.
pub async fn target_keys(url: &str) -> Result<BTreeMap<String, String>> {
    Target::new(url)?.keys().await
}

/// What a bridge is made of.
pub struct Parts<'a> {
    /// The installation.
    pub config: &'a Config,
    /// What is left to do.
    pub vault: Vault,
    /// The import's file of random passwords.
    pub passwords: PathBuf,
    /// What Synapse adds to every password.
    pub pepper: Option<SecretString>,
    /// The bridge ends that many days after its vault was made.
    pub days: Option<u32>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// Why a bridge ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// No account waits any more.
    AllMoved,
    /// Its days are over; the hashes that were left are erased.
    TimeIsUp,
    /// It was told to; it can go on.
    Stopped,
}

/// How a bridge ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// Why.
    pub cause: Cause,
    /// How many accounts are how far.
    pub count: Count,
}

/// A bridge that listens, but does not answer yet.
pub struct Bridge {
    listener: TcpListener,
    door: Arc<Door>,
    until_ms: Option<u64>,
}

impl Bridge {
    /// Looks whether the target is the vault's, sees to what an earlier bridge has left half done, and takes the address.
    pub async fn open(parts: Parts<'_>) -> Result<Self> {
        let Parts {
            config,
            vault,
            passwords,
            pepper,
            days,
            clock,
        } = parts;
        let target = Target::new(&config.target.url)?;
        let keys = key_texts(&target.keys().await?);
        if keys != vault.about().target_keys {
            return Err(Error::Target(format!(
                "{} is not the server whose accounts wait in the login bridge's vault: correct tuwunel.url",
                config.target.url
            )));
        }
        let hashes = vault.hashes();
        let hashes = hashes.iter().map(ExposeSecret::expose_secret);
        let (by_account, by_address) = Door::limits();
        let bridge = &config.login_bridge;
        let until_ms = days.map(|days| vault.about().made_ms + u64::from(days) * DAY_MS);
        let door = Door {
            server_name: config.server_name.clone(),
            target,
            checker: check::Checker::new(pepper, hashes).await?,
            vault: Arc::new(vault),
            clock,
            passwords,
            address_header: bridge.address_header.clone(),
            by_account,
            by_address,
            locks: Locks::default(),
            moved: Notify::new(),
            slot: SLOT,
        };
        let listener = listener::bind(bridge.listen).await?;
        door.mend().await?;
        Ok(Self {
            listener,
            door: Arc::new(door),
            until_ms,
        })
    }

    /// How many accounts are how far.
    #[must_use]
    pub fn count(&self) -> Count {
        self.door.vault.count()
    }

    /// Answers until everybody is moved, the time is up, or `stop`.
    pub async fn run(self, stop: impl Future<Output = ()>) -> Result<Ended> {
        let (end, ending) = tokio::sync::oneshot::channel::<()>();
        let serving = tokio::spawn(listener::serve(
            self.listener,
            Arc::clone(&self.door),
            async move {
                let _dropped = ending.await;
            },
        ));
        let cause = tokio::select! {
            () = stop => Cause::Stopped,
            cause = finished(&self.door, self.until_ms) => cause,
        };
        let _gone = end.send(());
        let _ended_well = serving.await;
        if cause == Cause::TimeIsUp {
            for state in [State::Waiting, State::Begun] {
                for user in self.door.vault.all(state) {
                    self.door.vault.put(&user, State::Left)?;
                }
            }
        }
        Ok(Ended {
            cause,
            count: self.door.vault.count(),
        })
    }
}

/// Waits until there is nothing to wait for: nobody without a password of their own, and no session that only its user's
/// next login can close.
async fn finished(door: &Door, until_ms: Option<u64>) -> Cause {
    loop {
        if door.vault.count().waiting == 0 && door.vault.all(State::Open).is_empty() {
            return Cause::AllMoved;
        }
        if until_ms.is_some_and(|until| door.clock.now_ms() >= until) {
            return Cause::TimeIsUp;
        }
        let _either = tokio::time::timeout(TICK, door.moved.notified()).await;
    }
}

/// As [`vault::About`] has them.
#[must_use]
pub fn key_texts(keys: &BTreeMap<String, String>) -> Vec<String> {
    keys.iter().map(|(id, key)| format!("{id} {key}")).collect()
}

/// Where an installation's vault is.
#[must_use]
pub fn vault_path(data_dir: &Path) -> PathBuf {
    data_dir.join("login-bridge").join("vault")
}
