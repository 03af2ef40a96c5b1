//! What the kept events say where the room is encrypted, or becomes so.

use ruma::serde::{Base64, base64::Standard};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{
    decide::{Came, Rules},
    encryption::Heard,
    store::Queued,
    worker::Worker,
};
use crate::{
    Result,
    operation::Runner,
    report::encrypted::{self, Unread},
};

/// A key that has not come by then, in milliseconds, does not come any more.
const KEY_WAITS_MS: u64 = 30_000;

impl<R: Runner> Worker<R> {
    /// The event as it can be decided about; `None` if there is nothing to decide, now or at all.
    pub(super) async fn heard(
        &self,
        rules: &Rules,
        queued: Queued,
    ) -> Result<Option<(Queued, Came)>> {
        let text = |field: &str| queued.event.get(field).and_then(Value::as_str);
        let is_here = text("room_id") == Some(&self.room);
        match text("type") {
            Some("m.room.encryption") if is_here => {
                self.follow(&queued).await;
                self.store.done(queued.number)?;
                Ok(None)
            }
            Some("m.room.encrypted") if is_here && rules.may_concern(&queued) => {
                if self.follow(&queued).await {
                    self.read(rules, queued).await
                } else {
                    self.store.done(queued.number)?;
                    Ok(None)
                }
            }
            _ if self.voice.is_encrypted() => Ok(Some((queued, Came::InClear))),
            _ => Ok(Some((queued, Came::Plain))),
        }
    }

    async fn read(&self, rules: &Rules, mut queued: Queued) -> Result<Option<(Queued, Came)>> {
        let heard = match self.voice.hear(&queued.event).await {
            Ok(heard) => heard,
            Err(error) => {
                tracing::warn!("an encrypted message can't be read yet: {error}");
                Heard::NotYet(Unread::NoKey)
            }
        };
        let reason = match heard {
            Heard::Read(event) => match digest(&queued.event) {
                Some(digest) if self.store.came_first(&digest, &event_id(&queued))? => {
                    queued.event = event;
                    return Ok(Some((queued, Came::Encrypted)));
                }
                Some(_) => Unread::Again,
                None => Unread::Damaged,
            },
            Heard::NotYet(reason) => {
                let since_ms = queued.received_ms.max(rules.started_ms);
                if self.clock.now_ms() < since_ms.saturating_add(KEY_WAITS_MS) {
                    return Ok(None);
                }
                reason
            }
            Heard::Never(reason) => reason,
        };
        if rules.concerns(&queued) {
            let device = self.voice.device().unwrap_or_default();
            let text = encrypted::unread(reason, device);
            self.talk(&event_id(&queued)).reply("unread", &text).await;
        }
        self.store.done(queued.number)?;
        Ok(None)
    }

    /// Whether the room is encrypted and the bot speaks so. A change is told.
    async fn follow(&self, queued: &Queued) -> bool {
        let was = self.voice.device().is_some();
        let talk = self.talk(&event_id(queued));
        match self.voice.follow().await {
            Ok(is_encrypted) => {
                if let (false, Some(device)) = (was, self.voice.device()) {
                    talk.reply("switched", &encrypted::switched(device)).await;
                }
                is_encrypted
            }
            Err(error) => {
                tracing::error!("the control room can't be read: {error}");
                let once = format!("encryption of {}", self.room);
                let first = self.store.refuse(&once, self.clock.now_ms());
                if self.voice.is_encrypted() && first.unwrap_or(false) {
                    let text = encrypted::not_switched(&error);
                    talk.reply_in_clear("unread", &text).await;
                }
                false
            }
        }
    }
}

/// What was encrypted, however it is written down.
fn digest(event: &Value) -> Option<[u8; 32]> {
    let text = event.get("content")?.get("ciphertext")?.as_str()?;
    let bytes = Base64::<Standard>::parse(text).ok()?;
    Some(Sha256::digest(bytes.as_bytes()).into())
}

fn event_id(queued: &Queued) -> String {
    let id = queued.event.get("event_id").and_then(Value::as_str);
    id.unwrap_or_default().to_owned()
}
