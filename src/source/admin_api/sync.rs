//! `GET /_matrix/client/v3/sync`

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use super::{Client, Who};
use crate::{Result, http::Request};

/// Receipts, tags and what is pending; of rooms' events nothing.
///
/// With a state that is filtered out Synapse would still read all of it: lazy loading leaves the members unread.
const FILTER: &str = r#"{"presence":{"not_types":["*"]},"account_data":{"not_types":["*"]},"room":{"timeline":{"limit":0,"not_types":["*"]},"state":{"not_types":["*"],"lazy_load_members":true},"ephemeral":{"types":["m.receipt"]},"account_data":{"types":["m.tag"]}}}"#;

/// What `/sync` tells of a user's rooms, whose IDs are unchecked.
#[derive(Debug, Default, Deserialize)]
pub struct Synced {
    /// Those that the user is in.
    #[serde(default)]
    pub join: BTreeMap<String, OfRoom>,
    /// Those that the user was banned or removed from.
    #[serde(default)]
    pub leave: BTreeMap<String, OfRoom>,
    #[serde(default)]
    invite: BTreeMap<String, Invite>,
    #[serde(default)]
    knock: BTreeMap<String, Knock>,
}

/// A room's data of the user.
#[derive(Debug, Default, Deserialize)]
pub struct OfRoom {
    #[serde(default)]
    account_data: Events<DataEvent>,
    #[serde(default)]
    ephemeral: Events<DataEvent>,
}

/// Event → kind of receipt → user → receipt.
pub type ServedReceipts = BTreeMap<String, BTreeMap<String, BTreeMap<String, ServedReceipt>>>;

/// How far somebody has read.
#[derive(Debug, Deserialize)]
pub struct ServedReceipt {
    /// Milliseconds since the Unix epoch.
    pub ts: Option<Value>,
    /// `main`, a thread's root, or none.
    pub thread_id: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Events<T> {
    #[serde(default = "Vec::new")]
    events: Vec<T>,
}

impl<T> Default for Events<T> {
    fn default() -> Self {
        Self { events: Vec::new() }
    }
}

#[derive(Debug, Deserialize)]
struct DataEvent {
    #[serde(rename = "type")]
    kind: String,
    content: Box<RawValue>,
}

#[derive(Debug, Deserialize)]
struct Invite {
    #[serde(default)]
    invite_state: Events<Box<RawValue>>,
}

#[derive(Debug, Deserialize)]
struct Knock {
    #[serde(default)]
    knock_state: Events<Box<RawValue>>,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    rooms: Synced,
}

impl OfRoom {
    /// The content of `m.tag`.
    pub fn tags(self) -> Option<Box<RawValue>> {
        let mut events = self.account_data.events.into_iter();
        Some(events.find(|event| event.kind == "m.tag")?.content)
    }

    /// All users' receipts that the user may see; others than these are an error.
    pub fn receipts(&self) -> impl Iterator<Item = Result<ServedReceipts, serde_json::Error>> {
        let events = self.ephemeral.events.iter();
        events
            .filter(|event| event.kind == "m.receipt")
            .map(|event| serde_json::from_str(event.content.get()))
    }
}

impl Synced {
    /// Room → membership and stripped state, of each invite and knock.
    pub fn pending(&self) -> impl Iterator<Item = (&str, &'static str, &[Box<RawValue>])> {
        let invites = self.invite.iter().map(|(room, of_room)| {
            (
                room.as_str(),
                "invite",
                of_room.invite_state.events.as_slice(),
            )
        });
        let knocks = self.knock.iter().map(|(room, of_room)| {
            (
                room.as_str(),
                "knock",
                of_room.knock_state.events.as_slice(),
            )
        });
        invites.chain(knocks)
    }
}

impl Client {
    /// What a user's first `/sync` tells of rooms, without their events. It doesn't make the user look online.
    pub async fn sync(&self, who: &Who) -> Result<Synced> {
        let request = Request::get("/_matrix/client/v3/sync")
            .query("filter", FILTER)
            .query("timeout", "0")
            .query("set_presence", "offline");
        Ok(self.http.send::<Answer>(&who.asks(request)).await?.rooms)
    }
}
