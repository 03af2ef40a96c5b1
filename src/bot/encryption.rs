//! The bot's own device, by which it reads and writes in an encrypted control room.
//!
//! Its keys are in `<data_dir>/encryption`. Events come by the application service's transactions, as in any room; the
//! device's own sync brings what only a device gets: keys, other people's devices, members.

use std::{
    io::Cursor,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use futures::future::BoxFuture;
use matrix_sdk::{
    Room, SessionMeta, SessionTokens,
    authentication::matrix::MatrixSession,
    config::RequestConfig,
    encryption::{BackupDownloadStrategy, EncryptionSettings},
    ruma::{OwnedRoomId, TransactionId, UserId, api::error::ErrorKind},
};
use serde_json::{Value, json};
use tokio::{sync::Notify, task::JoinHandle};

use super::client::Client;
use crate::{
    Error, Result,
    config::{Config, Trust},
    kept::device::{self, BotDevice},
    monitor::health::Health,
    report::encrypted::Unread,
    secret::ExposeSecret,
};

mod read;
mod sync;

/// A request that fails is sent so often; without a number, matrix-sdk sends one that found no server only once.
const TRIES: usize = 6;

/// The longest pause between two tries.
const PAUSE: Duration = Duration::from_secs(10);

/// The first sync takes no longer.
const FIRST: Duration = Duration::from_mins(1);

/// An upload counts as one request.
const TIMEOUT: Duration = Duration::from_mins(2);

/// What became of an encrypted event.
#[derive(Debug, Clone, PartialEq)]
pub enum Heard {
    /// It can be read.
    Read {
        /// The event with its own type and content.
        event: Value,
        /// Which message of whose session it is: nobody can bring the same one twice under two names.
        place: String,
    },
    /// Its key may still come.
    NotYet(Unread),
    /// It can't be taken.
    Never(Unread),
}

/// Whoever reads and writes in an encrypted room.
pub trait Cipher: Send + Sync {
    /// The device's ID.
    fn device(&self) -> &str;
    /// Decrypts an `m.room.encrypted` event of a room.
    fn read<'a>(&'a self, room: &'a str, event: &'a Value) -> BoxFuture<'a, Result<Heard>>;
    /// Sends an `m.room.message`, encrypted; the same transaction ID twice sends it once.
    fn send<'a>(
        &'a self,
        room: &'a str,
        txn: &'a str,
        content: &'a Value,
    ) -> BoxFuture<'a, Result<String>>;
    /// Uploads bytes, encrypted; the `file` of a message about them.
    fn upload<'a>(&'a self, bytes: &'a [u8]) -> BoxFuture<'a, Result<Value>>;
}

/// The bot's device. Its sync ends with it.
pub struct Device {
    own: Arc<Own>,
    kept: BotDevice,
    sync: JoinHandle<()>,
}

impl Drop for Device {
    fn drop(&mut self) {
        self.sync.abort();
    }
}

/// What the device and its sync share.
struct Own {
    /// Replaced when the device gets a new token.
    sdk: RwLock<matrix_sdk::Client>,
    /// The bot as an application service.
    client: Client,
    room: OwnedRoomId,
    trust: Trust,
    url: String,
    data_dir: std::path::PathBuf,
    /// Rung when keys may have come.
    news: Arc<Notify>,
    /// Told whether the device syncs.
    health: Arc<Health>,
    /// One at a time makes a new token.
    renewing: tokio::sync::Mutex<()>,
}

impl Device {
    /// The device of this installation, for its encrypted control room: as it was before, or a new one.
    pub async fn open(
        client: &Client,
        config: &Config,
        room: &str,
        (news, health): (&Arc<Notify>, &Arc<Health>),
    ) -> Result<Self> {
        let room =
            OwnedRoomId::try_from(room).map_err(|error| failed("its room", &error.to_string()))?;
        let (url, dir) = (&config.target.url, &config.data_dir);
        let mut kept = BotDevice::load(dir)?;
        let is_there = match &kept {
            Some(kept) => client.has_device(&kept.device).await?,
            None => false,
        };
        if let Some(lost) = kept.take_if(|kept| !is_there && kept.token.is_some()) {
            tracing::warn!(
                "the target no longer has the bot's device {}: the bot makes a new one, which operators have to verify again",
                lost.device
            );
        }
        let mut kept = match kept {
            Some(kept) => kept,
            None => BotDevice::begin(dir)?,
        };
        if kept.token.is_none() {
            kept.token = Some(client.login(&kept.device).await?);
            kept.save(dir)?;
        }
        let sdk = sdk(client.user(), url, dir, &kept).await?;
        let own = Arc::new(Own {
            sdk: RwLock::new(sdk),
            client: client.clone(),
            room,
            trust: config.bot.trust,
            url: url.clone(),
            data_dir: dir.clone(),
            news: Arc::clone(news),
            health: Arc::clone(health),
            renewing: tokio::sync::Mutex::default(),
        });
        let first = tokio::time::timeout(FIRST, sync::first(&own)).await;
        first.map_err(|_late| {
            Error::Target(format!(
                "the target does not let the bot's device sync within {} s: see that it runs and is not overloaded, and what its log says; if it is a Synapse, give the registration a sender_localpart other than {}, for it refuses that user a sync",
                FIRST.as_secs(),
                config.bot.localpart
            ))
        })??;
        let fingerprint = own.sdk().encryption().ed25519_key().await;
        if kept.fingerprint.is_none() {
            kept = BotDevice::load(dir)?.unwrap_or(kept);
            kept.fingerprint = fingerprint;
            kept.save(dir)?;
        }
        device::close(dir)?;
        tracing::info!(
            "the bot's device is {}, with the fingerprint {}",
            kept.device,
            kept.shown_fingerprint()
        );
        let sync = tokio::spawn(sync::forever(Arc::clone(&own)));
        Ok(Self { own, kept, sync })
    }
}

impl Own {
    fn sdk(&self) -> matrix_sdk::Client {
        self.sdk
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The room as the device knows it.
    async fn joined(&self) -> Result<Room> {
        if let Some(room) = self.sdk().get_room(&self.room) {
            return Ok(room);
        }
        // Joined a moment ago, perhaps.
        sync::once(self).await?;
        self.sdk()
            .get_room(&self.room)
            .ok_or_else(|| failed("its room", "the target does not show it"))
    }

    /// A new token for the same device, if the one that failed is still in use.
    async fn renew(&self, failed_with: &matrix_sdk::Client) -> Result<()> {
        let _one = self.renewing.lock().await;
        if self.sdk().access_token() != failed_with.access_token() {
            return Ok(());
        }
        let Some(mut kept) = BotDevice::load(&self.data_dir)? else {
            return Err(failed("its token", "its files are gone: restart Ferryman"));
        };
        if !self.client.has_device(&kept.device).await? {
            return Err(failed(
                "its token",
                "somebody has removed the device from the target: restart Ferryman, and it makes a new one",
            ));
        }
        tracing::warn!("the bot's device logs in again: the target no longer knows its token");
        kept.token = Some(self.client.login(&kept.device).await?);
        kept.save(&self.data_dir)?;
        let new = sdk(self.client.user(), &self.url, &self.data_dir, &kept).await?;
        *self.sdk.write().unwrap_or_else(PoisonError::into_inner) = new;
        Ok(())
    }

    /// The room, if the device knows that it is encrypted: it would send in clear to any other.
    async fn encrypted(&self) -> Result<Room> {
        for is_last in [false, true] {
            let room = self.joined().await?;
            let state = room.latest_encryption_state().await;
            let state = state.map_err(|error| failed("its room", &error.to_string()))?;
            if state.is_encrypted() {
                return Ok(room);
            }
            if !is_last {
                // Encrypted a moment ago, perhaps.
                sync::once(self).await?;
            }
        }
        Err(failed("its room", "the target shows it without encryption"))
    }

    /// Does something, and once more with a new token if the old one is void.
    async fn done<T, F>(&self, what: &str, work: impl Fn(Room) -> F) -> Result<T>
    where
        F: Future<Output = matrix_sdk::Result<T>>,
    {
        let room = self.encrypted().await?;
        let with = room.client();
        match work(room).await {
            Err(error) if is_void(&error) => {
                self.renew(&with).await?;
                let again = work(self.encrypted().await?).await;
                again.map_err(|error| failed(what, &error.to_string()))
            }
            other => other.map_err(|error| failed(what, &error.to_string())),
        }
    }
}

impl Cipher for Device {
    fn device(&self) -> &str {
        &self.kept.device
    }

    fn read<'a>(&'a self, room: &'a str, event: &'a Value) -> BoxFuture<'a, Result<Heard>> {
        Box::pin(async move {
            if room != self.own.room {
                return Ok(Heard::Never(Unread::Foreign));
            }
            let room = self.own.joined().await?;
            Ok(read::read(&room, event, self.own.trust).await)
        })
    }

    fn send<'a>(
        &'a self,
        room: &'a str,
        txn: &'a str,
        content: &'a Value,
    ) -> BoxFuture<'a, Result<String>> {
        Box::pin(async move {
            if room != self.own.room {
                return Err(failed("a message", "it belongs to another room"));
            }
            let work = |room: Room| async move {
                let txn: &TransactionId = txn.into();
                let message = room.send_raw("m.room.message", content.clone());
                message.with_transaction_id(txn).await
            };
            let sent = self.own.done("a message", work).await?;
            Ok(sent.response.event_id.to_string())
        })
    }

    fn upload<'a>(&'a self, bytes: &'a [u8]) -> BoxFuture<'a, Result<Value>> {
        Box::pin(async move {
            let upload = |room: Room| async move {
                let mut bytes = Cursor::new(bytes);
                room.client().upload_encrypted_file(&mut bytes).await
            };
            let file = self.own.done("a file", upload).await?;
            Ok(json!(file))
        })
    }
}

/// A client on the device's own store.
async fn sdk(
    user: &str,
    url: &str,
    data_dir: &std::path::Path,
    kept: &BotDevice,
) -> Result<matrix_sdk::Client> {
    let (folder, passphrase) = device::store(data_dir)?;
    let patience = RequestConfig::new()
        .timeout(TIMEOUT)
        .retry_limit(TRIES)
        .max_retry_time(PAUSE);
    let settings = EncryptionSettings {
        auto_enable_cross_signing: false,
        auto_enable_backups: false,
        backup_download_strategy: BackupDownloadStrategy::Manual,
    };
    let built = matrix_sdk::Client::builder()
        .homeserver_url(url)
        .request_config(patience)
        .sqlite_store(&folder, Some(passphrase.expose_secret()))
        .with_encryption_settings(settings)
        .with_enable_share_history_on_invite(false)
        .build()
        .await;
    let unusable = |error: &dyn std::fmt::Display| {
        Error::Target(format!(
            "the keys of the bot's device in {} can't be used ({error}): move that folder away, and the bot makes a new device",
            device::dir(data_dir).display()
        ))
    };
    let sdk = built.map_err(|error| unusable(&error))?;
    let user_id = UserId::parse(user).map_err(|error| unusable(&error))?;
    let token = kept.token.as_ref().map(ExposeSecret::expose_secret);
    let session = MatrixSession {
        meta: SessionMeta {
            user_id,
            device_id: kept.device.as_str().into(),
        },
        tokens: SessionTokens {
            access_token: token.unwrap_or_default().to_owned(),
            refresh_token: None,
        },
    };
    let restored = sdk.restore_session(session).await;
    restored.map_err(|error| unusable(&error))?;
    let encryption = sdk.encryption();
    encryption.wait_for_e2ee_initialization_tasks().await;
    Ok(sdk)
}

/// Whether the target doesn't know the token any more.
fn is_void(error: &matrix_sdk::Error) -> bool {
    matches!(
        error.client_api_error_kind(),
        Some(ErrorKind::UnknownToken { .. })
    )
}

fn failed(what: &str, why: &str) -> Error {
    Error::Target(format!("the bot's own device: {what}: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn keys_survive_and_a_store_that_is_another_ones_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let mut kept = BotDevice::begin(dir.path()).unwrap();
        kept.token = Some("t0ken".into());
        // Nothing listens there, and TLS is set up nevertheless.
        let (user, url) = ("@ferryman:ferry.test", "https://127.0.0.1:9");
        let first = sdk(user, url, dir.path(), &kept).await.unwrap();
        let key = first.encryption().ed25519_key().await.unwrap();
        drop(first);
        device::close(dir.path()).unwrap();
        let again = sdk(user, url, dir.path(), &kept).await.unwrap();
        assert_eq!(again.encryption().ed25519_key().await.unwrap(), key);
        drop(again);
        std::fs::write(dir.path().join("encryption/passphrase"), "another").unwrap();
        let error = sdk(user, url, dir.path(), &kept).await.unwrap_err();
        let error = error.to_string();
        assert!(
            error.starts_with("the keys of the bot's device in "),
            "{error}"
        );
        assert!(
            error.ends_with("move that folder away, and the bot makes a new device"),
            "{error}"
        );
    }
}
