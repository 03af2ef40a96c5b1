//! Users' public keys and key backups.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Answer, Fault, NOT_FOUND, World};

/// The kinds of keys: as they are uploaded, and as they are seen.
const KINDS: [(&str, &str); 3] = [
    ("master_key", "master_keys"),
    ("self_signing_key", "self_signing_keys"),
    ("user_signing_key", "user_signing_keys"),
];

/// A change that is answered with 200 and not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in super::super::super::super) enum Lie {
    OtherKeys,
    NoSignatures,
    FewRoomKeys,
    NoAdmins,
    StaysOpen,
}

/// A version of a key backup.
#[derive(Debug, Clone, PartialEq)]
pub(in super::super::super::super) struct Backup {
    about: Value,
    /// By room, then by session.
    sessions: BTreeMap<String, BTreeMap<String, Value>>,
}

/// What all users have.
#[derive(Debug, Clone, Default, PartialEq)]
pub(in super::super::super::super) struct Encryption {
    /// By user, then by kind.
    pub(in super::super::super::super) keys: BTreeMap<String, BTreeMap<String, Value>>,
    /// By user, oldest first.
    pub(in super::super::super::super) backups: BTreeMap<String, Vec<Backup>>,
}

impl Backup {
    /// A version that a client of the user's own made.
    pub(in super::super::super::super) fn own() -> Self {
        Self {
            about: json!({ "algorithm": "own", "auth_data": {} }),
            sessions: BTreeMap::new(),
        }
    }

    fn count(&self) -> usize {
        self.sessions.values().map(BTreeMap::len).sum()
    }
}

impl World {
    pub(in super::super) fn seen_keys(&self, asks: &str, body: &Value) -> Value {
        let mut seen = json!({});
        for user in body["device_keys"].as_object().unwrap().keys() {
            for (kind, kinds) in KINDS {
                let is_seen = kind != "user_signing_key" || user == asks;
                let keys = self.encryption.keys.get(user).filter(|_| is_seen);
                if let Some(key) = keys.and_then(|keys| keys.get(kind)) {
                    seen[kinds][user] = key.clone();
                }
            }
        }
        seen
    }

    /// Other keys than those that are there would need a password.
    pub(in super::super) fn upload_keys(&mut self, user: &str, body: &Value) -> Answer {
        if self.lies.contains(&Lie::OtherKeys) {
            return Ok(json!({}));
        }
        let keys = self.encryption.keys.entry(user.to_owned()).or_default();
        for (kind, _) in KINDS {
            let key = body[kind].clone();
            let there = keys.entry(kind.to_owned()).or_insert_with(|| key.clone());
            if there["keys"] != key["keys"] {
                return Err(Fault(401, "M_FORBIDDEN", "which password?"));
            }
        }
        Ok(json!({}))
    }

    pub(in super::super) fn upload_signatures(&mut self, by: &str, body: &Value) -> Value {
        if self.lies.contains(&Lie::NoSignatures) {
            return json!({});
        }
        for (user, keys) in body.as_object().unwrap() {
            let there = self.encryption.keys.get_mut(user).unwrap();
            let master = there.get_mut("master_key").unwrap();
            for key in keys.as_object().unwrap().values() {
                assert_eq!(key["keys"], master["keys"]);
                master["signatures"][by] = key["signatures"][by].clone();
            }
        }
        json!({})
    }

    pub(in super::super) fn backup(&self, user: &str) -> Answer {
        let versions = self.encryption.backups.get(user).ok_or(NOT_FOUND)?;
        let newest = versions.last().ok_or(NOT_FOUND)?;
        let mut about = newest.about.clone();
        about["version"] = json!(versions.len().to_string());
        about["count"] = json!(newest.count());
        about["etag"] = json!("0");
        Ok(about)
    }

    pub(in super::super) fn create_backup(&mut self, user: &str, body: &Value) -> Value {
        let versions = self.encryption.backups.entry(user.to_owned()).or_default();
        versions.push(Backup {
            about: body.clone(),
            sessions: BTreeMap::new(),
        });
        json!({ "version": versions.len().to_string() })
    }

    /// Only the newest version takes any.
    pub(in super::super) fn put_backup_keys(
        &mut self,
        user: &str,
        version: &str,
        body: &Value,
    ) -> Answer {
        if self.refused_keys.contains(user) {
            return Err(Fault(403, "M_FORBIDDEN", "not these"));
        }
        let is_lie = self.lies.contains(&Lie::FewRoomKeys);
        let backup = self.newest(user, version)?;
        if is_lie {
            return Ok(json!({ "count": 1_000, "etag": "0" }));
        }
        for (room, sessions) in body["rooms"].as_object().unwrap() {
            let there = backup.sessions.entry(room.clone()).or_default();
            for (id, session) in sessions["sessions"].as_object().unwrap() {
                there.insert(id.clone(), session.clone());
            }
        }
        Ok(json!({ "count": backup.count(), "etag": "0" }))
    }

    pub(in super::super) fn backup_keys(&mut self, user: &str, version: &str) -> Answer {
        let backup = self.newest(user, version)?;
        let mut rooms = json!({});
        for (room, sessions) in &backup.sessions {
            rooms[room]["sessions"] = json!(sessions);
        }
        Ok(json!({ "rooms": rooms }))
    }

    fn newest(&mut self, user: &str, version: &str) -> Result<&mut Backup, Fault> {
        let versions = self.encryption.backups.get_mut(user).ok_or(NOT_FOUND)?;
        if version != versions.len().to_string() {
            return Err(Fault(400, "M_WRONG_ROOM_KEYS_VERSION", "not the newest"));
        }
        versions.last_mut().ok_or(NOT_FOUND)
    }
}
