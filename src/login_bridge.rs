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
//! | the session's token is put down | as before | as before |
//! | the password was set | its user's password, and a session | is let in by the target; that tells it |
//! | the logging out | its user's password | as before |
//!
//! What was left so is looked after at the next start and now and then, too: with the random password as long as that is
//! the account's, and with the session's token afterwards. So no session stays, unless somebody else has set another
//! password before the token was put down: such an account is [`State::Open`].

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
    time::{Duration, Instant},
};

use door::{Door, SLOT};
use locks::Locks;
use ruma::OwnedUserId;
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

/// How often those accounts are looked after whose login stopped half-way, such as by a target that did not answer.
const MENDING: Duration = Duration::from_mins(10);

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
    /// The accounts in which a session of the bridge's may be left, sorted.
    pub open: Vec<OwnedUserId>,
}

/// The device ID of every session of the bridge's.
pub const DEVICE: &str = target::DEVICE;

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
            mending: MENDING,
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
        let mut open = Vec::new();
        if cause == Cause::TimeIsUp {
            if let Err(error) = self.door.mend().await {
                tracing::warn!("accounts that were begun can't be looked after: {error}");
            }
            open = self.door.vault.all(State::Begun);
            for state in [State::Waiting, State::Begun] {
                for user in self.door.vault.all(state) {
                    self.door.vault.put(&user, State::Left)?;
                }
            }
        }
        open.extend(self.door.vault.all(State::Open));
        open.sort();
        Ok(Ended {
            cause,
            count: self.door.vault.count(),
            open,
        })
    }
}

/// Waits until nobody is left without a password of their own, and looks after those that were begun. An account that is
/// open is not waited for: nothing but its user's next login could close its session, and that may never come.
async fn finished(door: &Door, until_ms: Option<u64>) -> Cause {
    let mut mended = Instant::now();
    loop {
        if door.vault.count().waiting == 0 {
            return Cause::AllMoved;
        }
        if until_ms.is_some_and(|until| door.clock.now_ms() >= until) {
            return Cause::TimeIsUp;
        }
        if mended.elapsed() >= door.mending {
            if let Err(error) = door.mend().await {
                tracing::warn!("accounts that were begun can't be looked after: {error}");
            }
            mended = Instant::now();
            continue;
        }
        let tick = TICK.min(door.mending);
        let _either = tokio::time::timeout(tick, door.moved.notified()).await;
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
