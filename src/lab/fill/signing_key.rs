//! Ed25519 keys that really sign: a server refuses cross-signing keys whose signatures are wrong.
//!
//! Shapes: [Signing JSON](https://spec.matrix.org/v1.16/appendices/#signing-json).

use ruma::{
    CanonicalJsonObject,
    serde::{Base64, base64::Standard},
    signatures::{Ed25519KeyPair, sign_json},
};
use serde_json::Value;

use crate::lab::{LabError, Result};

/// A device's or a user's key.
pub(super) struct SigningKey {
    pair: Ed25519KeyPair,
}

impl SigningKey {
    /// A new device's: the device's ID is in the key's.
    pub(super) fn of_device(device_id: &str) -> Result<Self> {
        Self::from_der(&Ed25519KeyPair::generate(), device_id)
    }

    /// A new user's: the public key itself is in the key's ID.
    pub(super) fn of_user() -> Result<Self> {
        let document = Ed25519KeyPair::generate();
        let public = Self::from_der(&document, "new")?.public();
        Self::from_der(&document, &public)
    }

    fn from_der(document: &[u8], version: &str) -> Result<Self> {
        let pair = Ed25519KeyPair::from_der(document, version.to_owned()).map_err(|error| {
            LabError::Key {
                key: format!("ed25519:{version}"),
                reason: error.to_string(),
            }
        })?;
        Ok(Self { pair })
    }

    /// `ed25519:<device ID or public key>`.
    pub(super) fn id(&self) -> String {
        format!("ed25519:{}", self.pair.version())
    }

    /// The public key in unpadded base64.
    pub(super) fn public(&self) -> String {
        unpadded(&self.pair.public_key())
    }

    /// Adds a user's signature to an object, beside those that it has.
    pub(super) fn sign(&self, user_id: &str, value: &mut Value) -> Result<()> {
        let failed = |error: &dyn std::fmt::Display| LabError::Key {
            key: self.id(),
            reason: error.to_string(),
        };
        let mut object: CanonicalJsonObject =
            serde_json::from_value(value.take()).map_err(|error| failed(&error))?;
        sign_json(user_id, &self.pair, &mut object).map_err(|error| failed(&error))?;
        *value = serde_json::to_value(object).map_err(|error| failed(&error))?;
        Ok(())
    }
}

/// Unpadded base64.
pub(super) fn unpadded(bytes: &[u8]) -> String {
    Base64::<Standard, _>::new(bytes).encode()
}

/// A public key that fits nothing: a server can't tell.
pub(super) fn random_key() -> String {
    unpadded(&rand::random::<[u8; 32]>())
}

#[cfg(test)]
mod tests {
    use ruma::signatures::{PublicKeyMap, verify_json};
    use serde_json::json;

    use super::*;

    #[test]
    fn a_users_key_is_named_by_itself_and_signs() {
        let key = SigningKey::of_user().unwrap();
        assert_eq!(key.id(), format!("ed25519:{}", key.public()));
        let mut value = json!({ "usage": ["master"] });
        key.sign("@a:b", &mut value).unwrap();
        let keys: PublicKeyMap = serde_json::from_value(json!({
            "@a:b": { key.id(): key.public() },
        }))
        .unwrap();
        let mut object: CanonicalJsonObject = serde_json::from_value(value).unwrap();
        verify_json(&keys, &object).unwrap();
        object.insert("usage".to_owned(), ruma::CanonicalJsonValue::Null);
        verify_json(&keys, &object).unwrap_err();
    }
}
