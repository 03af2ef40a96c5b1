//! What was sent to a room, kept under a name.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::lab::{Result, client::Client};

/// An event exactly as sent.
#[derive(Debug, Clone, PartialEq)]
pub struct SentEvent {
    /// Where.
    pub room: String,
    /// Its ID.
    pub event_id: String,
    /// By whom.
    pub sender: String,
    /// Its type.
    pub kind: String,
    /// Of state only.
    pub state_key: Option<String>,
    /// Its content before any redaction.
    pub content: Value,
    /// The ID of the event that redacted it.
    pub redacted_by: Option<String>,
}

/// Events of one room by name.
pub(super) struct Diary<'a> {
    pub(super) room: &'a str,
    pub(super) events: BTreeMap<&'static str, SentEvent>,
}

impl<'a> Diary<'a> {
    pub(super) fn of(room: &'a str) -> Self {
        Self {
            room,
            events: BTreeMap::new(),
        }
    }

    /// Sends an event and gives its ID.
    pub(super) async fn send(
        &mut self,
        what: &'static str,
        client: &Client,
        kind: &str,
        content: Value,
    ) -> Result<String> {
        let event_id = client.send(self.room, kind, &content).await?;
        Ok(self.note(what, client, (kind, None), content, event_id))
    }

    /// Sets state and gives the event's ID.
    pub(super) async fn set(
        &mut self,
        what: &'static str,
        client: &Client,
        (kind, key): (&str, &str),
        content: Value,
    ) -> Result<String> {
        let event_id = client.set_state(self.room, kind, key, &content).await?;
        Ok(self.note(what, client, (kind, Some(key)), content, event_id))
    }

    /// Redacts an event of this diary.
    pub(super) async fn redact(&mut self, what: &'static str, client: &Client) -> Result<()> {
        if let Some(event) = self.events.get_mut(what) {
            let reason = format!("the lab redacts the {what}");
            event.redacted_by = Some(client.redact(self.room, &event.event_id, &reason).await?);
        }
        Ok(())
    }

    fn note(
        &mut self,
        what: &'static str,
        client: &Client,
        (kind, state_key): (&str, Option<&str>),
        content: Value,
        event_id: String,
    ) -> String {
        let event = SentEvent {
            room: self.room.to_owned(),
            event_id: event_id.clone(),
            sender: client.user_id().to_owned(),
            kind: kind.to_owned(),
            state_key: state_key.map(str::to_owned),
            content,
            redacted_by: None,
        };
        self.events.insert(what, event);
        event_id
    }
}
