//! What a bot's crypto store has to sign with: its device's Ed25519 key and, where the bot has a cross-signing identity, that
//! one's master key.
//!
//! The SDK writes both as JSON (Sled) or `MessagePack` (SQLite), encrypted as the sessions are. The device's key is a part of
//! the pickled Olm account (`PickledAccount`), the master key one of `PickledCrossSigningIdentity`; the fields that are read
//! here have the same names in all versions. Nothing here proves a key: whoever signs compares it with what the homeserver
//! publishes.

use std::{fmt, sync::Arc};

use ruma::{
    AnyKeyName, DeviceId, OwnedDeviceId, OwnedSigningKeyId, OwnedUserId, SigningKeyAlgorithm,
    SigningKeyId, UserId,
    signatures::{KeyPair, Signature},
};
use serde::Deserialize;
use vodozemac::{Ed25519Keypair, Ed25519PublicKey, Ed25519SecretKey};

/// How both begin as JSON: the user's ID is their first field. Other values begin so, too.
pub(super) const BEGIN: &[u8] = br#"{"user_id":""#;
/// More keys than a store has: a damaged one must not fill the memory.
const MOST: usize = 1_000;

/// A key of a user's that signs. It is never printed, and zeroed when the last clone goes.
#[derive(Clone)]
pub struct Signer {
    user: OwnedUserId,
    key: Arc<Key>,
}

enum Key {
    Device(OwnedDeviceId, Box<Ed25519Keypair>),
    Master(Ed25519SecretKey),
}

/// The fields of an account and of an identity that matter.
#[derive(Deserialize)]
struct Stored {
    user_id: OwnedUserId,
    device_id: Option<OwnedDeviceId>,
    pickle: Option<Account>,
    keys: Option<Identity>,
}

#[derive(Deserialize)]
struct Account {
    signing_key: Box<Ed25519Keypair>,
}

#[derive(Deserialize)]
struct Identity {
    master_key: Option<Master>,
}

#[derive(Deserialize)]
struct Master {
    pickle: Ed25519SecretKey,
}

/// The key in the JSON at the beginning of `text`, if it is an account or an identity.
pub(super) fn from_json(text: &[u8]) -> Option<Signer> {
    let mut values = serde_json::Deserializer::from_slice(text).into_iter::<Stored>();
    values.next()?.ok()?.into_signer()
}

/// The same of `MessagePack`.
pub(super) fn from_message_pack(bytes: &[u8]) -> Option<Signer> {
    rmp_serde::from_slice::<Stored>(bytes).ok()?.into_signer()
}

impl Stored {
    fn into_signer(self) -> Option<Signer> {
        let key = match (self.device_id, self.pickle, self.keys) {
            (Some(device), Some(account), _) => Key::Device(device, account.signing_key),
            (None, None, Some(identity)) => Key::Master(identity.master_key?.pickle),
            _ => return None,
        };
        Some(Signer {
            user: self.user_id,
            key: Arc::new(key),
        })
    }
}

impl Signer {
    /// Whose key it is.
    #[must_use]
    pub fn user(&self) -> &UserId {
        &self.user
    }

    /// The device whose key it is; nothing for a master key.
    #[must_use]
    pub fn device(&self) -> Option<&DeviceId> {
        match &*self.key {
            Key::Device(device, _) => Some(device),
            Key::Master(_) => None,
        }
    }

    /// Its public half.
    #[must_use]
    pub fn public_key(&self) -> Ed25519PublicKey {
        match &*self.key {
            Key::Device(_, pair) => pair.public_key(),
            Key::Master(secret) => secret.public_key(),
        }
    }

    /// What its signatures are listed under: `ed25519:` and the device's ID, or the master key's public half.
    #[must_use]
    pub fn key_id(&self) -> OwnedSigningKeyId<AnyKeyName> {
        let public;
        let name = match &*self.key {
            Key::Device(device, _) => device.as_str(),
            Key::Master(secret) => {
                public = secret.public_key().to_base64();
                &public
            }
        };
        SigningKeyId::from_parts(SigningKeyAlgorithm::Ed25519, <&AnyKeyName>::from(name))
    }

    fn is(&self, other: &Self) -> bool {
        self.user == other.user
            && self.device() == other.device()
            && self.public_key() == other.public_key()
    }
}

impl KeyPair for Signer {
    fn sign(&self, message: &[u8]) -> Signature {
        let signature = match &*self.key {
            Key::Device(_, pair) => pair.sign(message),
            Key::Master(secret) => secret.sign(message),
        };
        Signature::new(self.key_id(), signature.to_bytes().to_vec())
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{} of {}", self.key_id(), self.user)
    }
}

/// The keys of a store, each once: the account's row is written again and again, and always with the same key.
#[derive(Debug, Clone, Default)]
pub struct Signers(Vec<Signer>);

impl Signers {
    /// Adds a key, unless it is there.
    pub(super) fn add(&mut self, signer: Signer) {
        if self.0.len() < MOST && !self.0.iter().any(|known| known.is(&signer)) {
            self.0.push(signer);
        }
    }

    /// All of them, of whatever user and device.
    pub fn iter(&self) -> impl Iterator<Item = &Signer> {
        self.0.iter()
    }

    /// Those that may sign as this user: of the devices only `device`, if one is given.
    pub fn of(&self, user: &UserId, device: Option<&DeviceId>) -> impl Iterator<Item = &Signer> {
        self.iter().filter(move |signer| {
            let fits = match (signer.device(), device) {
                (Some(of_signer), Some(device)) => of_signer == device,
                _ => true,
            };
            fits && signer.user == user
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_device_is_no_account_and_other_keys_are_no_identity() {
        for text in [
            r#"{"user_id":"@a:x","device_id":"D","algorithms":[],"keys":{"ed25519:D":"a"}}"#,
            r#"{"user_id":"@a:x","usage":["master"],"keys":{"ed25519:a":"a"}}"#,
            r#"{"user_id":"@a:x","shared":false,"keys":{"master_key":null}}"#,
            r#"{"user_id":"@a:x","dirty":true}"#,
            r#"{"user_id":"@a:x","device_id":"D","pickle":{"signing_key":{"Normal":[1]}}}"#,
        ] {
            assert!(from_json(text.as_bytes()).is_none(), "{text}");
        }
    }

    #[test]
    fn a_key_is_kept_once_and_never_shown() {
        let seed = vec!["7"; 32].join(",");
        let device = |id: &str| {
            let text = format!(
                r#"{{"user_id":"@a:x","device_id":"{id}","pickle":{{"signing_key":{{"Normal":[{seed}]}},"more":1}},"shared":true}} and more"#
            );
            from_json(text.as_bytes()).unwrap()
        };
        let master = format!(
            r#"{{"user_id":"@b:x","shared":true,"keys":{{"master_key":{{"pickle":[{seed}],"public_key":{{}}}},"user_signing_key":null}}}}"#
        );
        let mut signers = Signers::default();
        for signer in [
            device("D"),
            device("E"),
            device("D"),
            from_json(master.as_bytes()).unwrap(),
        ] {
            signers.add(signer);
        }
        insta::assert_snapshot!(format!("{signers:?}"), @"Signers([ed25519:D of @a:x, ed25519:E of @a:x, ed25519:6kpsY+KcUgq+9VB7Ey7F+ZVHdq6+vnuSQh7qaRRG0iw of @b:x])");
        let of = |user: &str, device: Option<&str>| {
            let user = OwnedUserId::try_from(user).unwrap();
            signers.of(&user, device.map(Into::into)).count()
        };
        assert_eq!(
            [
                of("@a:x", None),
                of("@a:x", Some("E")),
                of("@a:x", Some("F"))
            ],
            [2, 1, 0]
        );
        assert_eq!((of("@b:x", None), of("@b:x", Some("D"))), (1, 1));
        assert_eq!(of("@c:x", None), 0);
    }

    proptest! {
        #[test]
        fn any_bytes_are_an_answer(bytes: Vec<u8>) {
            let begun = [BEGIN, &bytes].concat();
            let _any = (from_json(&bytes).is_some(), from_json(&begun).is_some(), from_message_pack(&bytes).is_some());
        }
    }
}
