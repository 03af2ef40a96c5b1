//! What the kept events say where the room is encrypted, or becomes so.

use std::{sync::Arc, time::Duration};

use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::{task::JoinSet, time::timeout};

use super::{
    decide::{Came, Rules},
    encryption::Heard,
    store::Queued,
    worker::Worker,
};
use crate::{
    Error, Result,
    operation::Runner,
    report::encrypted::{self, Unread},
};

/// A key that has not come by then, in milliseconds, does not come any more.
const KEY_WAITS_MS: u64 = 30_000;

/// What was encrypted waits for the bot's device for so long, in milliseconds: a restart of the target takes less.
const DEVICE_WAITS_MS: u64 = 120_000;

/// The loop waits no longer for the target to say whether its room is encrypted, or for the bot's device.
const PATIENCE: Duration = Duration::from_mins(2);

/// What became of a kept event.
pub(super) enum Taken {
    /// It can be decided about.
    Here(Queued, Came),
    /// There is nothing more to it.
    Done,
    /// It is looked at again at the next turn.
    Waits,
    /// Whether the room is encrypted can't be told now: it waits, and so does all that came later.
    Unclear,
}

/// What is known of the room's encryption.
enum Known {
    Clear,
    /// The bot can read.
    Encrypted,
    /// It can't.
    Deaf,
    Unclear,
}

impl<R: Runner> Worker<R> {
    /// The event as it can be decided about.
    pub(super) async fn heard(
        self: &Arc<Self>,
        rules: &Rules,
        queued: Queued,
        tasks: &mut JoinSet<()>,
    ) -> Result<Taken> {
        let text = |field: &str| queued.event.get(field).and_then(Value::as_str);
        let is_here = text("room_id") == Some(&self.room);
        let (is_switch, is_sealed) = match text("type") {
            Some("m.room.encryption") => (is_here, false),
            Some("m.room.encrypted") => (false, is_here && rules.may_concern(&queued)),
            _ => (false, false),
        };
        if is_switch {
            self.voice.doubt();
        }
        let known = if is_sealed || self.voice.is_in_doubt() {
            self.follow(&queued, tasks).await?
        } else if self.voice.is_encrypted() {
            Known::Encrypted
        } else {
            Known::Clear
        };
        match known {
            Known::Unclear => Ok(Taken::Unclear),
            Known::Encrypted if is_sealed => self.read(rules, queued, tasks).await,
            Known::Deaf if is_sealed && self.is_young(rules, &queued, DEVICE_WAITS_MS) => {
                Ok(Taken::Waits)
            }
            Known::Clear if !is_switch && !is_sealed => Ok(Taken::Here(queued, Came::Plain)),
            Known::Encrypted | Known::Deaf if !is_switch && !is_sealed => {
                Ok(Taken::Here(queued, Came::InClear))
            }
            _ => {
                self.store.done(queued.number)?;
                Ok(Taken::Done)
            }
        }
    }

    /// Whether something may still come for it.
    fn is_young(&self, rules: &Rules, queued: &Queued, waits_ms: u64) -> bool {
        let since_ms = queued.received_ms.max(rules.started_ms);
        self.clock.now_ms() < since_ms.saturating_add(waits_ms)
    }

    async fn read(
        self: &Arc<Self>,
        rules: &Rules,
        mut queued: Queued,
        tasks: &mut JoinSet<()>,
    ) -> Result<Taken> {
        let heard = match timeout(PATIENCE, self.voice.hear(&queued.event)).await {
            Ok(Ok(heard)) => heard,
            Ok(Err(error)) => {
                tracing::warn!("an encrypted message can't be read yet: {error}");
                Heard::NotYet(Unread::Away)
            }
            Err(_late) => Heard::NotYet(Unread::Away),
        };
        let event_id = event_id(&queued);
        let reason = match heard {
            Heard::Read { event, place } => {
                let digest: [u8; 32] = Sha256::digest(place).into();
                if self.store.came_first(&digest, &event_id)? {
                    queued.event = event;
                    return Ok(Taken::Here(queued, Came::Encrypted));
                }
                Unread::Again
            }
            Heard::NotYet(reason) => {
                if self.is_young(rules, &queued, KEY_WAITS_MS) {
                    return Ok(Taken::Waits);
                }
                reason
            }
            Heard::Never(reason) => reason,
        };
        if rules.concerns(&queued) {
            let device = self.voice.device().unwrap_or_default();
            let text = encrypted::unread(reason, device);
            let about = (&*event_id, &*event_id, "unread");
            self.say(queued.number, about, text, tasks)?;
        } else {
            self.store.done(queued.number)?;
        }
        Ok(Taken::Done)
    }

    /// Whether the room is encrypted and the bot speaks so. A change is told.
    async fn follow(self: &Arc<Self>, queued: &Queued, tasks: &mut JoinSet<()>) -> Result<Known> {
        let was = self.voice.device().is_some();
        let event_id = event_id(queued);
        let about = (&*event_id, &*event_id);
        let once = format!("encryption of {}", self.room);
        let followed = timeout(PATIENCE, self.voice.follow()).await;
        let followed = followed.unwrap_or_else(|_late| {
            let seconds = PATIENCE.as_secs();
            Err(Error::Target(format!("no answer within {seconds} s")))
        });
        match followed {
            Ok(is_encrypted) => {
                if let (false, Some(device)) = (was, self.voice.device()) {
                    self.store.forgive(&once)?;
                    let text = encrypted::switched(device);
                    self.soon(self.answer_to(about, "switched", text), tasks);
                }
                Ok(if is_encrypted {
                    Known::Encrypted
                } else {
                    Known::Clear
                })
            }
            Err(error) if self.voice.is_encrypted() => {
                if self.store.refuse(&once, self.clock.now_ms())? {
                    tracing::error!("the control room can't be read: {error}");
                    let text = encrypted::not_switched(&error);
                    if !self.talk_about(about).reply_in_clear("unread", &text).await {
                        self.store.forgive(&once)?;
                    }
                }
                Ok(Known::Deaf)
            }
            Err(error) => {
                tracing::warn!("nobody can tell whether the control room is encrypted: {error}");
                Ok(Known::Unclear)
            }
        }
    }
}

fn event_id(queued: &Queued) -> String {
    let id = queued.event.get("event_id").and_then(Value::as_str);
    id.unwrap_or_default().to_owned()
}
