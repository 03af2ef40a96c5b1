//! A room of the source: one entry of the bundle's `rooms.json`.

use ruma::{OwnedEventId, OwnedRoomAliasId, OwnedRoomId, OwnedUserId, RoomVersionId};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// One room. Field names are the bundle's; absent ones are unknown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Room {
    /// The room.
    pub room_id: OwnedRoomId,
    /// `m.room.name`.
    #[serde(default)]
    pub name: Option<String>,
    /// `m.room.canonical_alias`, if it is an alias.
    #[serde(default, deserialize_with = "none_if_invalid")]
    pub canonical_alias: Option<OwnedRoomAliasId>,
    /// Sender of the create event.
    #[serde(default, deserialize_with = "none_if_invalid")]
    pub creator: Option<OwnedUserId>,
    /// Room version.
    #[serde(default)]
    pub version: Option<RoomVersionId>,
    /// `public`, `invite`, …
    #[serde(default)]
    pub join_rules: Option<String>,
    /// `can_join`, `forbidden`.
    #[serde(default)]
    pub guest_access: Option<String>,
    /// `shared`, `joined`, …
    #[serde(default)]
    pub history_visibility: Option<String>,
    /// `m.federate` of the create event (true if absent there).
    #[serde(default)]
    pub federatable: Option<bool>,
    /// Listed in the room directory.
    #[serde(default)]
    pub public: Option<bool>,
    /// `m.space` for a space.
    #[serde(default)]
    pub room_type: Option<String>,
    /// Algorithm, if encrypted.
    #[serde(default)]
    pub encryption: Option<String>,
    /// Members joined, remote ones included.
    #[serde(default)]
    pub joined_members: u64,
    /// Local members joined.
    #[serde(default)]
    pub joined_local_members: u64,
    /// The room that replaced it.
    #[serde(default)]
    pub tombstone: Option<OwnedRoomId>,
    /// The room that it replaced.
    #[serde(default)]
    pub predecessor: Option<OwnedRoomId>,
    /// The tips of its event graph.
    #[serde(default)]
    pub forward_extremities: Vec<OwnedEventId>,
    /// Timeline events in the bundle.
    #[serde(default)]
    pub event_count: u64,
    /// Whether the timeline reaches back to the create event.
    #[serde(default)]
    pub history_complete: bool,
    /// Blocked by an admin of the source; none if nobody looked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocked: Option<bool>,
}

impl Room {
    /// A room of which nothing else is known.
    #[must_use]
    pub fn named(room_id: OwnedRoomId) -> Self {
        Self {
            room_id,
            name: None,
            canonical_alias: None,
            creator: None,
            version: None,
            join_rules: None,
            guest_access: None,
            history_visibility: None,
            federatable: None,
            public: None,
            room_type: None,
            encryption: None,
            joined_members: 0,
            joined_local_members: 0,
            tombstone: None,
            predecessor: None,
            forward_extremities: Vec::new(),
            event_count: 0,
            history_complete: false,
            blocked: None,
        }
    }
}

/// Version 1 copies what Synapse's room statistics have, which is what somebody wrote into an event.
fn none_if_invalid<'de, T, D>(deserializer: D) -> Result<Option<T>, D::Error>
where
    T: DeserializeOwned,
    D: serde::Deserializer<'de>,
{
    let value = Option::<serde_json::Value>::deserialize(deserializer)?;
    Ok(value.and_then(|value| serde_json::from_value(value).ok()))
}
