//! Read receipts and fully-read markers.

use std::collections::BTreeMap;

use ruma::{EventId, OwnedEventId, OwnedRoomId, OwnedUserId, RoomId, UserId};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Anything, Target, session::unlike_others};
use crate::{
    Error, Result,
    http::{Request, encode},
    model::receipt::Receipt,
    secret::SecretString,
};

/// The ephemeral event that holds receipts.
const RECEIPT: &str = "m.receipt";

#[derive(Debug, Deserialize)]
struct Sync {
    #[serde(default)]
    rooms: Rooms,
}

#[derive(Debug, Default, Deserialize)]
struct Rooms {
    #[serde(default)]
    join: BTreeMap<OwnedRoomId, Joined>,
}

#[derive(Debug, Deserialize)]
struct Joined {
    #[serde(default)]
    ephemeral: Ephemeral,
}

#[derive(Debug, Default, Deserialize)]
struct Ephemeral {
    #[serde(default)]
    events: Vec<Event>,
}

#[derive(Debug, Deserialize)]
struct Event {
    #[serde(rename = "type")]
    kind: String,
    content: Value,
}

/// Event → type → user.
type Content = BTreeMap<OwnedEventId, BTreeMap<String, BTreeMap<OwnedUserId, Said>>>;

#[derive(Debug, Deserialize)]
struct Said {
    ts: Option<u64>,
    thread_id: Option<String>,
}

fn path(room: &RoomId, what: &str) -> String {
    format!("/_matrix/client/v3/rooms/{}/{what}", encode(room.as_str()))
}

impl Target {
    /// Whether an event is there and the user may see it.
    pub async fn sees_event(&self, user: &UserId, room: &RoomId, event: &EventId) -> Result<bool> {
        let path = path(room, &format!("event/{}", encode(event.as_str())));
        let request = Self::as_user(Request::get(path), user);
        match self.puppets_http.find::<Anything>(&request).await {
            // It is there, but not for them: from before they joined, or by somebody whom they ignore.
            Err(Error::Answer { status: 403, .. }) => Ok(false),
            found => Ok(found?.is_some()),
        }
    }

    /// Sets a receipt of `receipt`'s type, event and thread, with the time of now.
    ///
    /// Tuwunel before 1.7 forgets the thread.
    pub async fn set_receipt(&self, user: &UserId, room: &RoomId, receipt: &Receipt) -> Result<()> {
        let body = receipt
            .thread_id
            .as_ref()
            .map_or_else(|| json!({}), |thread| json!({ "thread_id": thread }));
        let what = format!(
            "receipt/{}/{}",
            encode(&receipt.receipt_type),
            encode(receipt.event_id.as_str())
        );
        let request = Request::post(path(room, &what), &body);
        self.puppets_http
            .send::<Anything>(&Self::as_user(request, user))
            .await?;
        Ok(())
    }

    /// Sets how far a user has read a room wholly; that is kept as account data, `m.fully_read`.
    pub async fn set_fully_read(
        &self,
        user: &UserId,
        room: &RoomId,
        event: &EventId,
    ) -> Result<()> {
        let request = Request::post(
            path(room, "read_markers"),
            &json!({ "m.fully_read": event }),
        );
        self.puppets_http
            .send::<Anything>(&Self::as_user(request, user))
            .await?;
        Ok(())
    }

    /// The user's own receipts in rooms that they are in, by their `/sync`, sorted.
    ///
    /// Tuwunel 1.4 syncs with nobody who has no device: the user gets one for the moment.
    pub async fn receipts(
        &self,
        user: &UserId,
        rooms: &[&RoomId],
    ) -> Result<BTreeMap<OwnedRoomId, Vec<Receipt>>> {
        let token = self.log_in(user, "receipts").await?;
        let found = self.receipts_with(&token, rooms).await;
        self.log_out(&token).await?;
        Ok(found?
            .join
            .into_iter()
            .map(|(room, joined)| (room, of_user(user, joined.ephemeral.events)))
            .collect())
    }

    async fn receipts_with(&self, token: &SecretString, rooms: &[&RoomId]) -> Result<Rooms> {
        let none = json!({ "types": [] });
        let filter = json!({
            "room": {
                "rooms": rooms,
                "timeline": { "limit": 1 },
                "state": none,
                "account_data": none,
                "ephemeral": { "types": [RECEIPT] },
            },
            "presence": unlike_others(),
            "account_data": none,
        });
        let request = Request::get("/_matrix/client/v3/sync")
            .query("filter", &filter)
            .query("set_presence", "offline")
            .query("timeout", "0")
            .query("full_state", "true");
        let answer: Sync = self.puppets_http.send(&request.with_token(token)).await?;
        Ok(answer.rooms)
    }
}

/// The receipts of one user; what else is in the events is not read.
fn of_user(user: &UserId, events: Vec<Event>) -> Vec<Receipt> {
    let mut receipts = Vec::new();
    for event in events.into_iter().filter(|event| event.kind == RECEIPT) {
        let content: Content = serde_json::from_value(event.content).unwrap_or_default();
        for (event_id, types) in content {
            for (receipt_type, mut users) in types {
                if let Some(said) = users.remove(user) {
                    receipts.push(Receipt {
                        receipt_type,
                        thread_id: said.thread_id,
                        event_id: event_id.clone(),
                        ts: said.ts,
                    });
                }
            }
        }
    }
    receipts.sort();
    receipts
}
