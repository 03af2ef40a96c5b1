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
    /// Takes out what belongs to an encryption identity, encrypted by the user's recovery key: it is worthless with another
    /// identity.
    ///
    /// Source: client-server API, "Secrets".
    #[must_use]
    pub fn take_secrets(&mut self) -> Self {
        let secrets = ["m.secret_storage.", "m.cross_signing.", "m.megolm_backup."];
        let (global, rest) = std::mem::take(&mut self.global)
            .into_iter()
            .partition(|(kind, _)| secrets.iter().any(|start| kind.starts_with(start)));
        self.global = rest;
        Self {
            global,
            rooms: BTreeMap::new(),
        }
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.global.is_empty() && self.rooms.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_taken_away_and_nothing_else() {
        let mut data: AccountData = serde_json::from_str(
            r#"{"global":{"m.secret_storage.default_key":{},"m.secret_storage.key.a":{},"m.cross_signing.master":{},
                "m.megolm_backup.v1":{},"m.direct":{},"m.secret":{}}}"#,
        )
        .unwrap();
        assert_eq!(data.take_secrets().global.len(), 4);
        assert_eq!(
            data.global.into_keys().collect::<Vec<_>>(),
            ["m.direct", "m.secret"]
        );
    }
}
