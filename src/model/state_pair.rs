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
