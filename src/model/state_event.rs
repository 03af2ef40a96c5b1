//! A state event in the client format, as `room_state.json` holds it and as a target's `/state` gives it.

use ruma::OwnedEventId;
use serde::Deserialize;

/// A state event, as far as it is compared.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct StateEvent {
    /// Type.
    #[serde(rename = "type")]
    pub kind: String,
    /// State key.
    pub state_key: String,
    /// The event.
    pub event_id: OwnedEventId,
    /// Content, as far as members are compared.
    #[serde(default)]
    pub content: Member,
}

/// An `m.room.member`'s content.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Member {
    /// `join`, `leave`, …
    #[serde(default, deserialize_with = "text_or_nothing")]
    pub membership: Option<String>,
    /// Display name in this room.
    #[serde(default, deserialize_with = "text_or_nothing")]
    pub displayname: Option<String>,
    /// Picture in this room.
    #[serde(default, deserialize_with = "text_or_nothing")]
    pub avatar_url: Option<String>,
}

/// Anything else than a string counts as nothing: other types of event, and other software, have other content.
fn text_or_nothing<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<String>, D::Error> {
    let value = serde_json::Value::deserialize(deserializer)?;
    Ok(value.as_str().map(str::to_owned))
}
