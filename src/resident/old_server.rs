//! The old server speaks once more, with its own signing key: nothing else makes the target take a receipt with its time.
//!
//! The key is given by the operator for this alone. It signs requests to the target, and is written nowhere.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use ruma::{
    OwnedServerName, RoomId, UserId,
    serde::{Base64, base64::Standard},
    signatures::Ed25519KeyPair,
};
use secrecy::zeroize::Zeroizing;
use serde_json::{Value, json, value::RawValue};

use super::{notary, sender};
use crate::{
    Error, Result,
    clock::Clock,
    http::Http,
    model::receipt::Receipt,
    secret::{ExposeSecret, SecretString, random_name},
};

/// EDUs in one transaction (server-server API, "Transactions").
const EDU_LIMIT: usize = 100;

/// What stands before the seed in an Ed25519 key's PKCS#8 document (RFC 8410).
const BEFORE_SEED: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

/// The setting that names the key's file.
const SETTING: &str = "synapse.signing_key_for_receipts";

/// The old server's name and key, and the way to the target.
pub struct OldServer {
    name: OwnedServerName,
    key: Ed25519KeyPair,
    http: Http,
    clock: Arc<dyn Clock>,
    run: String,
    next: AtomicU64,
}

impl std::fmt::Debug for OldServer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("OldServer")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl OldServer {
    /// Reads Synapse's key file: lines of `ed25519 <version> <unpadded base64 of the seed>`, of which one must be a key
    /// that Synapse published (`published`: its own key objects). `target` is the target's base URL.
    pub fn load(
        path: &Path,
        name: OwnedServerName,
        published: &[Box<RawValue>],
        clock: Arc<dyn Clock>,
        target: &str,
    ) -> Result<Self> {
        let text = fs::read_to_string(path).map_err(Error::file(path))?;
        let key = chosen(&SecretString::from(text), published).ok_or_else(|| {
            Error::Config(format!(
                "{SETTING} names {}, in which there is no key that Synapse published: give it the file that signing_key_path names in homeserver.yaml",
                path.display()
            ))
        })?;
        Ok(Self {
            name,
            key,
            http: Http::new(
                "the target",
                target,
                None,
                "the old server signs its requests",
            )?,
            clock,
            run: random_name(),
            next: AtomicU64::new(0),
        })
    }

    /// Sends a user's public receipts with their times and threads. That they are taken is no proof that they are there.
    pub async fn send_receipts(
        &self,
        user: &UserId,
        receipts: &[(&RoomId, &Receipt)],
    ) -> Result<()> {
        for receipts in receipts.chunks(EDU_LIMIT) {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let path = format!(
                "/_matrix/federation/v1/send/ferryman-r-{}-{number}",
                self.run
            );
            let edus: Vec<_> = receipts
                .iter()
                .map(|(room, receipt)| edu(user, room, receipt))
                .collect();
            let body = json!({
                "origin": self.name,
                "origin_server_ts": self.clock.now_ms(),
                "pdus": [],
                "edus": edus,
            });
            let signed =
                sender::signed(&self.name, &self.name, &self.key, &path, body.to_string())?;
            let _answer: Value = sender::deliver(&self.http, signed).await?;
        }
        Ok(())
    }
}

fn edu(user: &UserId, room: &RoomId, receipt: &Receipt) -> Value {
    let mut data = json!({ "ts": receipt.ts });
    if let Some(thread) = &receipt.thread_id {
        data["thread_id"] = json!(thread);
    }
    let read = json!({ "event_ids": [receipt.event_id], "data": data });
    json!({
        "edu_type": "m.receipt",
        "content": { room.as_str(): { "m.read": { user.as_str(): read } } },
    })
}

/// The first key of the file that was published.
fn chosen(text: &SecretString, published: &[Box<RawValue>]) -> Option<Ed25519KeyPair> {
    let mut known = BTreeMap::new();
    for object in published {
        if let Ok(keys) = notary::all_keys(object) {
            known.extend(keys.current);
            known.extend(keys.old);
        }
    }
    text.expose_secret().lines().filter_map(key).find(|key| {
        let id = format!("ed25519:{}", key.version());
        let public = Base64::<Standard, _>::new(key.public_key().to_vec()).encode();
        known.get(&id) == Some(&public)
    })
}

fn key(line: &str) -> Option<Ed25519KeyPair> {
    let mut words = line.split_whitespace();
    let (Some("ed25519"), Some(version), Some(seed)) = (words.next(), words.next(), words.next())
    else {
        return None;
    };
    let seed = Zeroizing::new(Base64::<Standard>::parse(seed).ok()?.into_inner());
    let document = Zeroizing::new([&BEFORE_SEED[..], &seed[..]].concat());
    Ed25519KeyPair::from_der(&document, version.to_owned()).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::value::to_raw_value;

    use super::*;
    use crate::clock::FixedClock;

    /// The key pair of RFC 8032's first test.
    const SEED: &str = "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A";
    const PUBLIC: &str = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo";

    fn load(text: &str) -> Result<OldServer> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("signing.key");
        fs::write(&path, text).unwrap();
        let keys =
            json!({ "server_name": "x", "verify_keys": { "ed25519:a_1": { "key": PUBLIC } } });
        let published = [to_raw_value(&keys).unwrap()];
        let name = "ferry.test".try_into().unwrap();
        let clock = Arc::new(FixedClock(1));
        OldServer::load(&path, name, &published, clock, "http://127.0.0.1:1")
    }

    #[test]
    fn the_published_key_is_taken() {
        let other = format!("ed25519 a_0 {SEED}\n# nothing\n\ned25519 a_1 {SEED}\n");
        let server = load(&other).unwrap();
        assert_eq!(server.key.version(), "a_1");
        assert!(!format!("{server:?}").contains("key"));
    }

    #[test]
    fn another_key_is_not() {
        for text in ["", "ed25519 a_1 short", &format!("ed25519 a_2 {SEED}")] {
            let error = load(text).unwrap_err().to_string();
            let (_, said) = error.split_once("signing.key, ").unwrap();
            insta::allow_duplicates! {
                insta::assert_snapshot!(said, @"in which there is no key that Synapse published: give it the file that signing_key_path names in homeserver.yaml");
            }
        }
    }

    #[test]
    fn a_receipt_on_its_way() {
        let receipt = Receipt {
            receipt_type: "m.read".to_owned(),
            thread_id: Some("main".to_owned()),
            event_id: "$e".try_into().unwrap(),
            ts: Some(5),
        };
        let user = <&UserId>::try_from("@a:x").unwrap();
        let room = <&RoomId>::try_from("!r:x").unwrap();
        let content = json!({ "!r:x": { "m.read": { "@a:x": {
            "event_ids": ["$e"], "data": { "ts": 5, "thread_id": "main" },
        } } } });
        assert_eq!(
            edu(user, room, &receipt),
            json!({ "edu_type": "m.receipt", "content": content })
        );
    }
}
