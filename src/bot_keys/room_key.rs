//! A Megolm session as it is handed on: what an export of room keys and a key backup are made of.

use std::collections::BTreeMap;

use ruma::OwnedRoomId;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, Serializer};
use vodozemac::megolm::{ExportedSessionKey, InboundGroupSession, SessionConfig};

/// An inbound Megolm session at its first known index, in the shape of the spec's `ExportedSessionData` (Client-Server
/// API, "Key exports"): it serialises as one entry of such an export.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RoomKey {
    /// `m.megolm.v1.aes-sha2`.
    pub algorithm: String,
    /// The room in which the session is used.
    pub room_id: OwnedRoomId,
    /// The Curve25519 key of the device that made the session, in Base64.
    pub sender_key: String,
    /// The session's ID: its public Ed25519 key in Base64.
    pub session_id: String,
    /// The ratchet at the first known index, as vodozemac exports it (165 bytes in Base64 without padding).
    #[serde(serialize_with = "expose")]
    pub session_key: SecretString,
    /// The keys that the sender's device claims, by algorithm: `ed25519`.
    #[serde(default)]
    pub sender_claimed_keys: BTreeMap<String, String>,
    /// The Curve25519 keys of the devices that forwarded the session.
    #[serde(default)]
    pub forwarding_curve25519_key_chain: Vec<String>,
    /// Whether it may be given to those who are invited later (MSC3061).
    #[serde(
        default,
        rename = "m.shared_history",
        alias = "org.matrix.msc3061.shared_history",
        skip_serializing_if = "std::ops::Not::not"
    )]
    pub shared_history: bool,
    /// The number of the first message that it decrypts; it is part of `session_key`, too.
    #[serde(skip)]
    pub first_known_index: u32,
    /// Whether something proves that it is as it was written: its encryption, or its record's checksum. One of which that
    /// can't be said is listed as broken, too, and must not replace another.
    #[serde(
        default = "yes",
        rename = "ferryman.proved",
        skip_serializing_if = "Clone::clone"
    )]
    pub proved: bool,
}

impl RoomKey {
    /// The session itself; nothing if its key is none, or that of another session.
    #[must_use]
    pub fn session(&self) -> Option<InboundGroupSession> {
        let session = imported(self.session_key.expose_secret())?;
        (session.session_id() == self.session_id).then_some(session)
    }
}

/// The session that an exported key makes.
pub(super) fn imported(session_key: &str) -> Option<InboundGroupSession> {
    let key = ExportedSessionKey::from_base64(session_key).ok()?;
    Some(InboundGroupSession::import(
        &key,
        SessionConfig::version_1(),
    ))
}

/// In what others have written nothing else is said.
fn yes() -> bool {
    true
}

fn expose<S: Serializer>(secret: &SecretString, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(secret.expose_secret())
}
