//! A store's cipher: the row that holds it, opened by a passphrase, and what it decrypts.
//!
//! The row is an `EncryptedStoreCipher`: JSON in the stores of the published crates (matrix-sdk-store-encryption 0.1 and
//! 0.2), `MessagePack` in those of later ones. matrix-bot-sdk gives the empty passphrase, which encrypts like any other. A
//! store that was opened without a passphrase has no such row, and its values are plain.

use std::io::Cursor;

use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use matrix_sdk_store_encryption::{EncryptedValueBase64, StoreCipher};
use secrecy::{ExposeSecret, SecretString, zeroize::Zeroizing};
use serde::{Deserialize, de::IgnoredAny};

use super::sealed::Sealed;

/// How a row begins as JSON.
pub(super) const JSON: &[u8] = br#"{"kdf_info":{"#;
/// How it begins as `MessagePack`: a map of two, and its first key.
pub(super) const MESSAGE_PACK: &[u8] = b"\x82\xa8kdf_info";

/// More rounds of the key derivation than any SDK asks for (200,000): a damaged number must not keep it busy for hours.
const MOST_ROUNDS: u32 = 5_000_000;

/// The part of a row that says what opening it costs.
#[derive(Deserialize)]
struct Row {
    kdf_info: Kdf,
    #[serde(rename = "ciphertext_info")]
    _rest: IgnoredAny,
}

#[derive(Deserialize)]
enum Kdf {
    None,
    Pbkdf2ToChaCha20Poly1305 {
        rounds: u32,
        #[serde(rename = "kdf_salt")]
        _salt: IgnoredAny,
    },
}

/// Why a row does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Closed {
    /// It is whole as far as can be seen, but the passphrase does not open it.
    Passphrase,
    /// It is none, or damaged.
    NoRow,
}

/// Decrypts a store's values.
pub(super) struct Cipher(StoreCipher);

/// The bytes of the row that begins where `text` does, if it is one.
pub(super) fn row(text: &[u8]) -> Option<&[u8]> {
    let (row, length) = if text.starts_with(JSON) {
        let mut rows = serde_json::Deserializer::from_slice(text).into_iter::<Row>();
        (rows.next()?.ok()?, rows.byte_offset())
    } else {
        let mut bytes = Cursor::new(text);
        let row = Row::deserialize(&mut rmp_serde::Deserializer::new(&mut bytes)).ok()?;
        (row, usize::try_from(bytes.position()).ok()?)
    };
    match row.kdf_info {
        Kdf::Pbkdf2ToChaCha20Poly1305 { rounds, .. } if rounds <= MOST_ROUNDS => text.get(..length),
        Kdf::Pbkdf2ToChaCha20Poly1305 { .. } | Kdf::None => None,
    }
}

impl Cipher {
    /// Opens a row, which takes about a tenth of a second.
    pub(super) fn open(bytes: &[u8], passphrase: &SecretString) -> Result<Self, Closed> {
        let bytes = row(bytes).ok_or(Closed::NoRow)?;
        StoreCipher::import(passphrase.expose_secret(), bytes)
            .map(Self)
            .map_err(|error| match error {
                matrix_sdk_store_encryption::Error::Encryption(_) => Closed::Passphrase,
                _ => Closed::NoRow,
            })
    }

    /// What a value of a Sled store says; nothing if it was changed or belongs to another store.
    pub(super) fn decrypt(&self, value: &Sealed) -> Option<Zeroizing<Vec<u8>>> {
        // The type has no other door for parts: this one takes them as Base64.
        let value = EncryptedValueBase64::new(
            1,
            &STANDARD_NO_PAD.encode(&value.ciphertext),
            &STANDARD_NO_PAD.encode(value.nonce),
        );
        self.0
            .decrypt_value_base64_data(value)
            .ok()
            .map(Zeroizing::new)
    }

    /// The same of an SQLite store, whose values are `MessagePack`.
    pub(super) fn decrypt_message_pack(&self, value: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let value = rmp_serde::from_slice(value).ok()?;
        self.0.decrypt_value_data(value).ok().map(Zeroizing::new)
    }
}
