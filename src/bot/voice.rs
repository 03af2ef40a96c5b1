//! How the bot speaks in its room and hears there: in clear or, once the room is encrypted, through its own device.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use futures::future::BoxFuture;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use super::{
    client::Client,
    encryption::{Cipher, Heard},
};
use crate::{Result, kept::ControlRoom};

/// Makes the bot's device when it is needed.
pub type Open = dyn Fn() -> BoxFuture<'static, Result<Arc<dyn Cipher>>> + Send + Sync;

/// The bot in one room. Cheap to clone; clones change to encryption together.
#[derive(Clone)]
pub struct Voice {
    client: Client,
    room: Arc<str>,
    data_dir: Arc<Path>,
    open: Arc<Open>,
    is_encrypted: Arc<AtomicBool>,
    is_in_doubt: Arc<AtomicBool>,
    cipher: Arc<OnceCell<Arc<dyn Cipher>>>,
}

impl Voice {
    /// For one room; `open` is called at most once with success, when the room is encrypted. A room that was encrypted
    /// before still is: no server can talk the bot out of that.
    pub fn new(client: &Client, room: &str, data_dir: &Path, open: Arc<Open>) -> Result<Self> {
        let known = ControlRoom::load(data_dir)?;
        let is_encrypted = known.is_some_and(|known| known.encrypted.contains(room));
        let voice = Self {
            client: client.clone(),
            room: room.into(),
            data_dir: data_dir.into(),
            open,
            is_encrypted: Arc::new(AtomicBool::new(is_encrypted)),
            is_in_doubt: Arc::default(),
            cipher: Arc::default(),
        };
        voice.keep(voice.is_encrypted())?;
        Ok(voice)
    }

    fn keep(&self, encrypted: bool) -> Result<()> {
        let known = ControlRoom::load(&self.data_dir)?;
        let mut room = ControlRoom {
            room_id: self.room.to_string(),
            encrypted: known.map(|known| known.encrypted).unwrap_or_default(),
        };
        if encrypted {
            room.encrypted.insert(room.room_id.clone());
        }
        room.save(&self.data_dir)
    }

    /// The room.
    #[must_use]
    pub fn room(&self) -> &str {
        &self.room
    }

    /// Whether the room is known to be encrypted. It never stops to be.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        self.is_encrypted.load(Ordering::Acquire)
    }

    /// Somebody says that the room is encrypted: before the bot speaks or obeys there again, it looks.
    pub fn doubt(&self) {
        self.is_in_doubt
            .store(!self.is_encrypted(), Ordering::Release);
    }

    /// Whether that look is still to come.
    #[must_use]
    pub fn is_in_doubt(&self) -> bool {
        self.is_in_doubt.load(Ordering::Acquire)
    }

    /// The device through which the bot speaks, if it does already.
    #[must_use]
    pub fn device(&self) -> Option<&str> {
        self.cipher.get().map(|cipher| cipher.device())
    }

    /// Looks whether the room is encrypted and, if so, speaks through the device from now on. An error leaves the bot
    /// mute where it is encrypted.
    pub async fn follow(&self) -> Result<bool> {
        if !self.is_encrypted() {
            let client = self.client.hurried();
            let state = client.state(&self.room, "m.room.encryption", "");
            let is_encrypted = state.await?.is_some();
            if is_encrypted {
                self.keep(true)?;
                self.is_encrypted.store(true, Ordering::Release);
            }
            self.is_in_doubt.store(false, Ordering::Release);
            if !is_encrypted {
                return Ok(false);
            }
        }
        self.cipher().await.map(|_| true)
    }

    async fn cipher(&self) -> Result<&Arc<dyn Cipher>> {
        self.cipher.get_or_try_init(|| (self.open)()).await
    }

    /// Decrypts an `m.room.encrypted` event of the room.
    pub async fn hear(&self, event: &Value) -> Result<Heard> {
        self.cipher().await?.read(&self.room, event).await
    }

    /// Sends a message; the same transaction ID twice sends it once.
    pub async fn send(&self, txn: &str, content: &Value) -> Result<String> {
        self.make_sure().await?;
        if self.is_encrypted() {
            self.cipher().await?.send(&self.room, txn, content).await
        } else {
            self.client.send(&self.room, txn, content).await
        }
    }

    async fn make_sure(&self) -> Result<()> {
        if self.is_in_doubt() {
            self.follow().await?;
        }
        Ok(())
    }

    /// Says in clear why it can't speak as the room asks for: nothing else.
    pub async fn send_in_clear(&self, txn: &str, content: &Value) -> Result<String> {
        self.client.send(&self.room, txn, content).await
    }

    /// Uploads a file; the field of a message by which it is found: `url`, or `file` with its key.
    pub async fn upload(
        &self,
        name: &str,
        kind: &'static str,
        bytes: Vec<u8>,
    ) -> Result<(&'static str, Value)> {
        self.make_sure().await?;
        if self.is_encrypted() {
            let file = self.cipher().await?.upload(&bytes).await?;
            Ok(("file", file))
        } else {
            let url = self.client.upload(name, kind, bytes).await?;
            Ok(("url", json!(url)))
        }
    }

    /// A reaction, which no client encrypts.
    pub async fn react(&self, txn: &str, to: &str, key: &str) -> Result<()> {
        self.client.react(&self.room, txn, to, key).await
    }
}
