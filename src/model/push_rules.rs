//! One user's entry in the bundle's `push_rules.json`.

pub mod meaning;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The user's own rules, and the default rules that they changed, by kind and in their order of priority.
///
/// Each rule has the shape of `GET /_matrix/client/v3/pushrules/`. A default rule that is as the server made it is
/// left out: the target has its own.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PushRules {
    /// Before all others.
    #[serde(rename = "override", default, skip_serializing_if = "Vec::is_empty")]
    pub override_: Vec<Value>,
    /// By words in the message.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub content: Vec<Value>,
    /// By room.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub room: Vec<Value>,
    /// By sender.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sender: Vec<Value>,
    /// After all others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub underride: Vec<Value>,
}

impl PushRules {
    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The lists by the names of their kinds.
    #[must_use]
    pub fn kinds(&self) -> [(&'static str, &[Value]); 5] {
        [
            ("override", &self.override_),
            ("content", &self.content),
            ("room", &self.room),
            ("sender", &self.sender),
            ("underride", &self.underride),
        ]
    }
}
