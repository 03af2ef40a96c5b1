//! The value of a session in a store: the SDK's `PickledInboundGroupSession`, as JSON (Sled) or `MessagePack` (SQLite).
//!
//! matrix-sdk-crypto 0.5 (stores of version 4) writes `forwarding_chains` and neither `algorithm` nor the pickle's
//! `config`; 0.6 (version 5) and later write the latter two; newer ones know `shared_history` and more that no export has.

use std::collections::BTreeMap;

use matrix_sdk::encryption::vodozemac::{
    Curve25519PublicKey,
    megolm::{InboundGroupSession, InboundGroupSessionPickle},
};
use ruma::RoomId;
use secrecy::SecretString;
use serde::Deserialize;

use super::{ed25519, room_key::RoomKey};

/// The only algorithm that the old stores name nowhere.
const MEGOLM: &str = "m.megolm.v1.aes-sha2";

#[derive(Deserialize)]
struct Stored {
    pickle: InboundGroupSessionPickle,
    sender_key: String,
    signing_key: BTreeMap<String, String>,
    room_id: String,
    #[serde(default)]
    forwarding_chains: Vec<String>,
    #[serde(default)]
    algorithm: Option<String>,
    #[serde(default)]
    shared_history: bool,
}

/// Reads the JSON at the beginning of `text`, and says how long it is. An error is a clause without anything of the value,
/// which is secret.
pub(super) fn from_json(text: &[u8]) -> Result<(RoomKey, usize), String> {
    let mut values = serde_json::Deserializer::from_slice(text).into_iter::<Stored>();
    match values.next() {
        Some(Ok(stored)) => Ok((stored.into_room_key()?, values.byte_offset())),
        Some(Err(error)) if error.is_data() => Err(format!(
            "it does not have the fields of a session (byte {} of the value)",
            error.column()
        )),
        Some(Err(error)) if error.is_eof() => Err("it ends too early".into()),
        Some(Err(error)) => Err(format!("it is no JSON from byte {} on", error.column())),
        None => Err("it is empty".into()),
    }
}

/// The same of `MessagePack`.
pub(super) fn from_message_pack(bytes: &[u8]) -> Result<RoomKey, String> {
    rmp_serde::from_slice::<Stored>(bytes)
        .map_err(|_secret| "it does not have the fields of a session".to_owned())?
        .into_room_key()
}

impl Stored {
    fn into_room_key(self) -> Result<RoomKey, String> {
        let room_id = RoomId::parse(&self.room_id)
            .map_err(|error| format!("its room ID can't be used ({error})"))?;
        for key in self.forwarding_chains.iter().chain([&self.sender_key]) {
            Curve25519PublicKey::from_base64(key)
                .map_err(|error| format!("a Curve25519 key in it can't be used ({error})"))?;
        }
        if let Some(key) = self.signing_key.get("ed25519") {
            ed25519::public_key(key)
                .map_err(|error| format!("its sender's Ed25519 key can't be used ({error})"))?;
        }
        let session = InboundGroupSession::from_pickle(self.pickle);
        Ok(RoomKey {
            algorithm: self.algorithm.unwrap_or_else(|| MEGOLM.to_owned()),
            room_id,
            sender_key: self.sender_key,
            session_id: session.session_id(),
            session_key: SecretString::from(session.export_at_first_known_index().to_base64()),
            sender_claimed_keys: self.signing_key,
            forwarding_curve25519_key_chain: self.forwarding_chains,
            shared_history: self.shared_history,
            first_known_index: session.first_known_index(),
            proved: false,
        })
    }
}
