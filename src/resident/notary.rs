//! The keys that the resident hands out: its own, the old server's, and those that Synapse had stored of others.
//!
//! The target asks its `trusted_servers` for the keys of every event's signer, for its own name too. An event whose key
//! is missing is dropped silently: without the old key no power level and no member would arrive.

use std::collections::{BTreeMap, BTreeSet};

use ruma::{
    CanonicalJsonObject, CanonicalJsonValue, OwnedServerName, ServerName, serde::Base64,
    signatures::PublicKeyMap,
};
use serde::Deserialize;
use serde_json::{json, value::RawValue};

use crate::{Result, resident::Identity};

/// How long an answer may be kept: longer than any migration takes.
const VALID_FOR_MS: u64 = 7 * 24 * 60 * 60 * 1000;

/// Key objects by server.
#[derive(Debug, Default)]
pub struct Notary {
    ours: Option<OwnedServerName>,
    keys: BTreeMap<OwnedServerName, Vec<CanonicalJsonObject>>,
    extra: BTreeMap<String, String>,
    keep_signed: bool,
}

/// What is read of a key object.
#[derive(Debug, Deserialize)]
struct Keys {
    #[serde(default)]
    verify_keys: BTreeMap<String, Key>,
    #[serde(default)]
    old_verify_keys: BTreeMap<String, Key>,
}

/// A server's public keys: ID to unpadded base64.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PublishedKeys {
    /// Those it signs with.
    pub current: BTreeMap<String, String>,
    /// Those it signed with once.
    pub old: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
struct Key {
    key: String,
}

impl Notary {
    /// From the bundle's `server_keys.json`. `target_keys` are the target's own new public keys by ID: its join looks
    /// for them with the notary too. `keep_signed` hands out the old server's object as it signed it, which a Synapse
    /// as target insists on.
    #[must_use]
    pub fn new(
        ours: &ServerName,
        stored: &BTreeMap<OwnedServerName, Vec<Box<RawValue>>>,
        target_keys: BTreeMap<String, String>,
        keep_signed: bool,
    ) -> Self {
        let keys = stored
            .iter()
            .map(|(server, objects)| {
                let objects = objects
                    .iter()
                    .filter_map(|object| serde_json::from_str(object.get()).ok())
                    .collect();
                (server.clone(), objects)
            })
            .collect();
        Self {
            ours: Some(ours.to_owned()),
            keys,
            extra: target_keys,
            keep_signed,
        }
    }

    /// The resident's own key object (`GET /_matrix/key/v2/server`).
    pub fn own(&self, identity: &Identity, now_ms: u64) -> Result<CanonicalJsonObject> {
        let keys = BTreeMap::from([(identity.key_id(), identity.public_key())]);
        key_object(&identity.name, &keys, &BTreeMap::new(), now_ms, identity)
    }

    /// The key objects of a server, each with the resident's signature; none if it is unknown.
    pub fn of(
        &self,
        server: &ServerName,
        identity: &Identity,
        now_ms: u64,
    ) -> Result<Vec<CanonicalJsonObject>> {
        if server == identity.name {
            return Ok(vec![self.own(identity, now_ms)?]);
        }
        let Some(stored) = self.keys.get(server) else {
            return Ok(Vec::new());
        };
        let ours = self.ours.as_deref() == Some(server);
        if ours && !self.keep_signed {
            return self
                .merged(server, stored, identity, now_ms)
                .map(|object| vec![object]);
        }
        stored
            .iter()
            .cloned()
            .map(|mut object| identity.sign(&mut object).map(|()| object))
            .collect()
    }

    /// One fresh object with every key of our server, old and new: the stored ones may have run out since the export.
    fn merged(
        &self,
        server: &ServerName,
        stored: &[CanonicalJsonObject],
        identity: &Identity,
        now_ms: u64,
    ) -> Result<CanonicalJsonObject> {
        let (mut current, mut old) = (self.extra.clone(), BTreeMap::new());
        for object in stored {
            let object = CanonicalJsonValue::Object(object.clone()).to_string();
            let Ok(keys) = serde_json::from_str::<Keys>(&object) else {
                continue;
            };
            current.extend(keys.verify_keys.into_iter().map(|(id, key)| (id, key.key)));
            old.extend(
                keys.old_verify_keys
                    .into_iter()
                    .map(|(id, key)| (id, key.key)),
            );
        }
        key_object(server, &current, &old, now_ms, identity)
    }

    /// Servers whose keys are here.
    #[must_use]
    pub fn servers(&self) -> BTreeSet<OwnedServerName> {
        self.keys.keys().cloned().collect()
    }
}

fn key_object(
    server: &ServerName,
    current: &BTreeMap<String, String>,
    old: &BTreeMap<String, String>,
    now_ms: u64,
    identity: &Identity,
) -> Result<CanonicalJsonObject> {
    let key = |key: &String| json!({ "key": key });
    let old_key = |key: &String| json!({ "key": key, "expired_ts": now_ms });
    let object = json!({
        "server_name": server,
        "valid_until_ts": now_ms + VALID_FOR_MS,
        "verify_keys": current.iter().map(|(id, text)| (id.clone(), key(text))).collect::<BTreeMap<_, _>>(),
        "old_verify_keys": old.iter().map(|(id, text)| (id.clone(), old_key(text))).collect::<BTreeMap<_, _>>(),
    });
    let mut object = match CanonicalJsonValue::try_from(object) {
        Ok(CanonicalJsonValue::Object(object)) => object,
        _ => CanonicalJsonObject::new(),
    };
    identity.sign(&mut object)?;
    Ok(object)
}

/// The current public keys of one server's own key object, as `verify_json` wants them.
pub fn public_keys(
    server: &ServerName,
    object: &RawValue,
) -> Result<PublicKeyMap, serde_json::Error> {
    Ok(PublicKeyMap::from([(
        server.to_string(),
        verify_keys(object)?
            .into_iter()
            .filter_map(|(id, key)| Base64::parse(key).ok().map(|key| (id, key)))
            .collect(),
    )]))
}

/// The public keys of a key object, current and old: ID to unpadded base64.
pub fn all_keys(object: &RawValue) -> Result<PublishedKeys, serde_json::Error> {
    let keys: Keys = serde_json::from_str(object.get())?;
    let texts = |keys: BTreeMap<String, Key>| keys.into_iter().map(|(id, key)| (id, key.key));
    Ok(PublishedKeys {
        current: texts(keys.verify_keys).collect(),
        old: texts(keys.old_verify_keys).collect(),
    })
}

/// The current public keys of a key object: ID to unpadded base64.
pub fn verify_keys(object: &RawValue) -> Result<BTreeMap<String, String>, serde_json::Error> {
    Ok(all_keys(object)?.current)
}

#[cfg(test)]
mod tests {
    use ruma::{owned_server_name, signatures::verify_json};

    use super::*;

    fn identity() -> Identity {
        let dir = tempfile::tempdir().unwrap();
        Identity::load(owned_server_name!("old.test:8449"), &dir.path().join("key")).unwrap()
    }

    fn stored() -> BTreeMap<OwnedServerName, Vec<Box<RawValue>>> {
        let object = r#"{"server_name":"old.test","verify_keys":{"ed25519:a":{"key":"b2xk"}},"old_verify_keys":{"ed25519:b":{"key":"b2xkZXI","expired_ts":5}},"valid_until_ts":1,"signatures":{"old.test":{"ed25519:a":"c2ln"}}}"#;
        BTreeMap::from([(
            owned_server_name!("old.test"),
            vec![RawValue::from_string(object.to_owned()).unwrap()],
        )])
    }

    #[test]
    fn our_old_and_new_keys_come_in_one_fresh_signed_object() {
        let identity = identity();
        let new = BTreeMap::from([("ed25519:new".to_owned(), "bmV3".to_owned())]);
        let notary = Notary::new(&owned_server_name!("old.test"), &stored(), new, false);
        let objects = notary
            .of(&owned_server_name!("old.test"), &identity, 1000)
            .unwrap();
        assert_eq!(objects.len(), 1);
        let text = CanonicalJsonValue::Object(objects[0].clone()).to_string();
        for part in ["b2xk", "b2xkZXI", "bmV3", "\"valid_until_ts\":604801000"] {
            assert!(text.contains(part), "{part} in {text}");
        }
        let own = notary.own(&identity, 0).unwrap();
        let own = RawValue::from_string(CanonicalJsonValue::Object(own).to_string()).unwrap();
        let keys = public_keys(&identity.name, &own).unwrap();
        assert!(verify_json(&keys, &objects[0]).is_ok());
    }

    #[test]
    fn a_synapse_gets_the_object_that_the_old_server_signed() {
        let identity = identity();
        let notary = Notary::new(
            &owned_server_name!("old.test"),
            &stored(),
            BTreeMap::new(),
            true,
        );
        let objects = notary
            .of(&owned_server_name!("old.test"), &identity, 1000)
            .unwrap();
        let text = CanonicalJsonValue::Object(objects[0].clone()).to_string();
        assert!(
            text.contains("c2ln") && text.contains("ed25519:ferryman"),
            "{text}"
        );
    }

    #[test]
    fn nothing_is_said_of_unknown_servers() {
        let notary = Notary::default();
        assert!(
            notary
                .of(&owned_server_name!("other.test"), &identity(), 0)
                .unwrap()
                .is_empty()
        );
    }
}
