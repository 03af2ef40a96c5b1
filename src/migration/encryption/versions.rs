//! Every version of every user's key backup in the bundle, without its sessions: what tells whether a version on the target
//! is one of them.

use std::collections::BTreeMap;

use ruma::{OwnedUserId, UserId};
use serde_json::{Value, value::RawValue};

use crate::{Result, bundle::Bundle, model::key_backup::KeyBackupLine, target::key_backup::Backup};

/// By user, oldest first: what each version is made with.
#[derive(Debug, Default)]
pub(in crate::migration) struct Versions(BTreeMap<OwnedUserId, Vec<(String, Value)>>);

impl Versions {
    pub(super) fn read(bundle: &Bundle) -> Result<Self> {
        let mut versions = Self::default();
        for line in bundle.key_backups()? {
            if let KeyBackupLine::Version {
                user_id,
                algorithm,
                auth_data,
                ..
            } = line?
            {
                versions.add(user_id, algorithm, &auth_data);
            }
        }
        Ok(versions)
    }

    fn add(&mut self, user: OwnedUserId, algorithm: String, auth_data: &RawValue) {
        let auth_data = serde_json::from_str(auth_data.get()).unwrap_or_default();
        self.0.entry(user).or_default().push((algorithm, auth_data));
    }

    /// Whether a user has so many.
    pub(super) fn are(&self, user: &UserId, many: usize) -> bool {
        self.0.get(user).map_or(0, Vec::len) == many
    }

    /// Which of the user's versions the target has as its newest; nothing if it is none of them.
    pub(super) fn place(&self, user: &UserId, newest: &Backup) -> Option<usize> {
        let versions = self.0.get(user)?;
        versions.iter().rposition(|(algorithm, auth_data)| {
            *algorithm == newest.algorithm && *auth_data == newest.auth_data
        })
    }
}

#[cfg(test)]
mod tests {
    use ruma::{owned_user_id, user_id};
    use serde_json::{json, value::to_raw_value};

    use super::*;

    #[test]
    fn a_version_is_known_by_what_it_is_made_with() {
        let mut versions = Versions::default();
        for key in ["one", "two"] {
            let auth_data = to_raw_value(&json!({ "public_key": key })).unwrap();
            versions.add(owned_user_id!("@a:x"), "m".to_owned(), &auth_data);
        }
        let place = |user: &UserId, key: &str| {
            let newest = Backup {
                version: "17".to_owned(),
                algorithm: "m".to_owned(),
                auth_data: json!({ "public_key": key }),
                count: 0,
            };
            versions.place(user, &newest)
        };
        assert_eq!(place(user_id!("@a:x"), "one"), Some(0));
        assert_eq!(place(user_id!("@a:x"), "two"), Some(1));
        assert_eq!(place(user_id!("@a:x"), "own"), None);
        assert_eq!(place(user_id!("@b:x"), "one"), None);
    }
}
