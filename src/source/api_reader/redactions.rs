//! Which events of a room are redacted: `fetch_event` doesn't say it of the event that it gives.

use std::collections::BTreeMap;

use ruma::{EventId, OwnedEventId, OwnedUserId, RoomId};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    Error, Result,
    source::{admin_api::Client, room::repair},
};

const REDACTION: &str = "m.room.redaction";

/// A room's redactions by what they redact.
#[derive(Debug, Default)]
pub(super) struct Redacted(BTreeMap<OwnedEventId, Redaction>);

#[derive(Debug)]
struct Redaction {
    event_id: OwnedEventId,
    sender: OwnedUserId,
}

/// A redaction as Synapse serves it: with `redacts` at the top or in the content, or both.
#[derive(Deserialize)]
struct Served {
    event_id: OwnedEventId,
    sender: OwnedUserId,
    redacts: Option<OwnedEventId>,
    #[serde(default)]
    content: Content,
}

#[derive(Default, Deserialize)]
struct Content {
    redacts: Option<OwnedEventId>,
}

#[derive(Deserialize)]
struct Sent {
    sender: OwnedUserId,
}

/// All redactions of a room.
pub(super) async fn of(client: &Client, room: &RoomId) -> Result<Redacted> {
    let mut all = BTreeMap::new();
    let mut from: Option<String> = None;
    loop {
        let page = client
            .messages_of(room, from.as_deref(), &[REDACTION])
            .await?;
        for event in &page.chunk {
            // One that can't be read redacts nothing.
            let Ok(served) = serde_json::from_str::<Served>(event.get()) else {
                continue;
            };
            if let Some(target) = served.redacts.or(served.content.redacts) {
                all.entry(target).or_insert(Redaction {
                    event_id: served.event_id,
                    sender: served.sender,
                });
            }
        }
        match page.end {
            Some(end) if !page.chunk.is_empty() && from.as_ref() != Some(&end) => from = Some(end),
            _ => return Ok(Redacted(all)),
        }
    }
}

impl Redacted {
    /// The redaction that Synapse obeys for an event that `fetch_event` gave.
    ///
    /// What Synapse shows of the event decides. Of an event outside the timeline it shows nothing: then a redaction by
    /// somebody of the sender's own server counts, which is the rule for all that is not a moderator's.
    pub(super) async fn by(
        &self,
        client: &Client,
        room: &RoomId,
        id: &EventId,
        event: &RawValue,
    ) -> Result<Option<OwnedEventId>> {
        let Some(redaction) = self.0.get(id) else {
            return Ok(None);
        };
        match client.shown(room, id).await {
            Ok(shown) => return Ok(repair::redacted_by(&shown)),
            Err(Error::Answer { .. } | Error::Malformed { .. }) => {}
            Err(error) => return Err(error),
        }
        let same_server = serde_json::from_str::<Sent>(event.get())
            .is_ok_and(|sent| sent.sender.server_name() == redaction.sender.server_name());
        Ok(same_server.then(|| redaction.event_id.clone()))
    }
}
