//! One session as the key backup holds it: `m.megolm_backup.v1.curve25519-aes-sha2` of the spec ("Server-side key backups").

use std::collections::BTreeMap;

use ruma::serde::{Base64, base64::Standard};
use serde::{Deserialize, Serialize};
use vodozemac::{
    Curve25519PublicKey,
    megolm::ExportedSessionKey,
    pk_encryption::{Message, PkDecryption, PkEncryption},
};
use zeroize::Zeroizing;

use crate::{
    Error, Result,
    bot_keys::{RoomKey, room_key::imported},
    secret::ExposeSecret,
};

/// A session in the backup: `KeyBackupData` of the spec.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Sealed {
    /// The number of the first message that it decrypts.
    pub first_message_index: u32,
    /// How often it was forwarded.
    pub forwarded_count: u64,
    /// Whether its sender's device was verified.
    pub is_verified: bool,
    /// What was encrypted.
    pub session_data: SessionData,
}

/// The encrypted part, each in unpadded Base64.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SessionData {
    ephemeral: Base64<Standard>,
    ciphertext: Base64<Standard>,
    mac: Base64<Standard>,
}

/// What is inside, as far as it matters for reading: `BackedUpSessionData` of the spec.
#[derive(Deserialize)]
struct Inside {
    algorithm: String,
    sender_key: String,
    session_key: String,
    #[serde(default)]
    sender_claimed_keys: BTreeMap<String, String>,
}

/// The whole of it, of a session that stays where it is.
#[derive(Serialize)]
struct Borrowed<'a> {
    algorithm: &'a str,
    sender_key: &'a str,
    session_key: &'a str,
    sender_claimed_keys: &'a BTreeMap<String, String>,
    forwarding_curve25519_key_chain: &'a [String],
}

impl Sealed {
    /// Encrypts a session for whoever has the private key.
    pub fn seal(public: Curve25519PublicKey, key: &RoomKey) -> Result<Self> {
        let inside = Borrowed {
            algorithm: &key.algorithm,
            sender_key: &key.sender_key,
            session_key: key.session_key.expose_secret(),
            sender_claimed_keys: &key.sender_claimed_keys,
            forwarding_curve25519_key_chain: &key.forwarding_curve25519_key_chain,
        };
        let wrong = |reason: String| {
            Error::Usage(format!(
                "the session {} of {} can't be encrypted ({reason}): report this as a fault",
                key.session_id, key.room_id
            ))
        };
        // It does not grow, which would leave copies behind.
        let mut text = Zeroizing::new(Vec::with_capacity(1 << 10));
        serde_json::to_writer(&mut *text, &inside).map_err(|error| wrong(error.to_string()))?;
        let sealed = PkEncryption::from_key(public).encrypt(&text);
        let Message {
            ciphertext,
            mac,
            ephemeral_key,
        } = sealed.map_err(|error| wrong(error.to_string()))?;
        Ok(Self {
            first_message_index: key.first_known_index,
            forwarded_count: key.forwarding_curve25519_key_chain.len() as u64,
            is_verified: false,
            session_data: SessionData {
                ephemeral: Base64::new(ephemeral_key.to_vec()),
                ciphertext: Base64::new(ciphertext),
                mac: Base64::new(mac),
            },
        })
    }

    /// Whether this one is to take the other's place: verified before not, an earlier first message before a later one,
    /// fewer forwards before more. The spec's rule for `PUT /room_keys/keys`, which not every homeserver applies itself.
    #[must_use]
    pub fn is_better_than(&self, other: &Self) -> bool {
        let rank = |it: &Self| (!it.is_verified, it.first_message_index, it.forwarded_count);
        rank(self) < rank(other)
    }

    /// What is wrong with this entry of the backup as the backup of that session, in one clause; `None` if whoever has the
    /// private key can read with it all that the session itself can read.
    #[must_use]
    pub fn differs(&self, private: &PkDecryption, key: &RoomKey) -> Option<&'static str> {
        let Some(inside) = self.open(private) else {
            return Some("it can't be decrypted with the backup's key");
        };
        if inside.algorithm != key.algorithm {
            return Some("it is of another algorithm");
        }
        if inside.sender_key != key.sender_key {
            return Some("it names another device as its sender");
        }
        if !key.sender_claimed_keys.is_empty()
            && inside.sender_claimed_keys != key.sender_claimed_keys
        {
            return Some("it names other keys of its sender");
        }
        if inside.session_key == key.session_key.expose_secret() {
            return None;
        }
        let (Some(theirs), Some(mut ours)) = (
            imported(&inside.session_key),
            imported(key.session_key.expose_secret()),
        ) else {
            return Some("it is no session");
        };
        if theirs.session_id() != key.session_id {
            return Some("it is another session");
        }
        if theirs.first_known_index() > ours.first_known_index() {
            return Some("it begins at a later message");
        }
        let mut theirs = theirs;
        let from = ours.first_known_index();
        let (theirs, ours) = (theirs.export_at(from), ours.export_at(from));
        let bytes = |key: Option<ExportedSessionKey>| key.map(|key| Zeroizing::new(key.to_bytes()));
        (bytes(theirs) != bytes(ours)).then_some("it is another ratchet")
    }

    fn open(&self, private: &PkDecryption) -> Option<Inside> {
        let data = &self.session_data;
        let ephemeral_key = Curve25519PublicKey::from_slice(data.ephemeral.as_bytes()).ok()?;
        let message = Message {
            ciphertext: data.ciphertext.as_bytes().to_vec(),
            mac: data.mac.as_bytes().to_vec(),
            ephemeral_key,
        };
        let text = Zeroizing::new(private.decrypt(&message).ok()?);
        serde_json::from_slice(&text).ok()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;
    use vodozemac::{
        Curve25519SecretKey,
        megolm::{GroupSession, InboundGroupSession, SessionConfig},
    };

    use super::*;

    /// A session of which so many messages are not known, with its own copy from the beginning.
    pub(in crate::bot_keys::key_backup) fn key(room: &str, from: u32) -> (RoomKey, RoomKey) {
        let mut session = GroupSession::new(SessionConfig::version_1());
        let early = of(room, &session);
        for _ in 0..from {
            session.encrypt("");
        }
        (of(room, &session), early)
    }

    fn of(room: &str, session: &GroupSession) -> RoomKey {
        let inbound = InboundGroupSession::new(&session.session_key(), SessionConfig::version_1());
        let exported = inbound.export_at_first_known_index();
        RoomKey {
            algorithm: "m.megolm.v1.aes-sha2".into(),
            room_id: room.try_into().unwrap(),
            sender_key: "c2VuZGVy".into(),
            session_id: session.session_id(),
            session_key: exported.to_base64().into(),
            sender_claimed_keys: [("ed25519".to_owned(), "Y2xhaW1lZA".to_owned())].into(),
            forwarding_curve25519_key_chain: Vec::new(),
            shared_history: false,
            first_known_index: inbound.first_known_index(),
            proved: true,
        }
    }

    pub(in crate::bot_keys::key_backup) fn pair() -> (PkDecryption, Curve25519PublicKey) {
        let private = PkDecryption::from_key(Curve25519SecretKey::new());
        let public = private.public_key();
        (private, public)
    }

    #[test]
    fn what_is_sealed_is_the_session_and_nothing_else_counts_as_it() {
        let (private, public) = pair();
        let (late, early) = key("!r:x", 3);
        let (other, _) = key("!r:x", 0);
        let seal = |key: &RoomKey| Sealed::seal(public, key).unwrap();
        assert_eq!((late.first_known_index, early.first_known_index), (3, 0));
        assert_eq!(seal(&late).differs(&private, &late), None);
        // One that reads more is as good.
        assert_eq!(seal(&early).differs(&private, &late), None);
        let with = |change: fn(&mut RoomKey)| {
            let mut key = early.clone();
            change(&mut key);
            seal(&key).differs(&private, &early).unwrap_or("nothing")
        };
        let mut damaged = seal(&early);
        damaged.session_data.ciphertext = Base64::new(vec![0; 32]);
        let (stranger, _) = pair();
        let lines = [
            seal(&late).differs(&private, &early).unwrap(),
            seal(&other).differs(&private, &early).unwrap(),
            with(|key| key.algorithm = "m.other".into()),
            with(|key| key.sender_key = "other".into()),
            with(|key| key.sender_claimed_keys.clear()),
            with(|key| key.session_key = "abc".to_owned().into()),
            damaged.differs(&private, &early).unwrap(),
            seal(&early).differs(&stranger, &early).unwrap(),
        ];
        insta::assert_snapshot!(lines.join("\n"), @r"
        it begins at a later message
        it is another session
        it is of another algorithm
        it names another device as its sender
        it names other keys of its sender
        it is no session
        it can't be decrypted with the backup's key
        it can't be decrypted with the backup's key
        ");
    }

    #[test]
    fn it_has_the_shape_that_the_spec_asks_for() {
        let (_, public) = pair();
        let (late, _) = key("!r:x", 2);
        let sealed = serde_json::to_value(Sealed::seal(public, &late).unwrap()).unwrap();
        assert_eq!(sealed["first_message_index"], 2);
        assert_eq!(sealed["forwarded_count"], 0);
        assert_eq!(sealed["is_verified"], false);
        for field in ["ephemeral", "ciphertext", "mac"] {
            let text = sealed["session_data"][field].as_str().unwrap();
            assert!(!text.is_empty() && !text.contains('='), "{field}: {text}");
        }
    }

    proptest! {
        #[test]
        fn of_two_sessions_never_both_are_better(
            one in (any::<bool>(), 0_u32..3, 0_u64..3), other in (any::<bool>(), 0_u32..3, 0_u64..3)
        ) {
            let (_, public) = pair();
            let sealed = Sealed::seal(public, &key("!r:x", 0).0).unwrap();
            let of = |(is_verified, first_message_index, forwarded_count)| Sealed {
                first_message_index, forwarded_count, is_verified, ..sealed.clone()
            };
            let (one, other) = (of(one), of(other));
            prop_assert!(!(one.is_better_than(&other) && other.is_better_than(&one)));
            prop_assert!(!one.is_better_than(&one.clone()));
        }
    }
}
