//! What makes an event a piece of state.

use serde::Deserialize;

/// Type and state key of an event, whatever else it holds.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct StatePair {
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its state key, often empty.
    #[serde(default)]
    pub state_key: String,
}

/// A piece of state as people call it.
#[must_use]
pub fn name(kind: &str, key: &str) -> String {
    if key.is_empty() {
        kind.to_owned()
    } else {
        format!("{kind} of {key}")
    }
}
