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
    /// Takes away what belongs to an encryption identity, encrypted by the user's recovery key: it is worthless with another
    /// identity. Gives the number of entries.
    ///
    /// Source: client-server API, "Secrets".
    pub fn without_secrets(&mut self) -> usize {
        let before = self.global.len();
        let secrets = ["m.secret_storage.", "m.cross_signing.", "m.megolm_backup."];
        self.global
            .retain(|kind, _| !secrets.iter().any(|start| kind.starts_with(start)));
        before - self.global.len()
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
        assert_eq!(data.without_secrets(), 4);
        assert_eq!(
            data.global.into_keys().collect::<Vec<_>>(),
            ["m.direct", "m.secret"]
        );
    }
}
