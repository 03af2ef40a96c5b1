//! One user's entry in the bundle's `account_data.json`.

use std::collections::BTreeMap;

use ruma::OwnedRoomId;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// Account data by type, contents as they are. Push rules are not in it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct AccountData {
    /// `m.direct`, secret storage, …
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub global: BTreeMap<String, Box<RawValue>>,
    /// Room → type → content; tags are `m.tag`, as `/sync` gives them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub rooms: BTreeMap<OwnedRoomId, BTreeMap<String, Box<RawValue>>>,
}

impl AccountData {
    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.global.is_empty() && self.rooms.is_empty()
    }
}
