//! The server's public keys as `GET /_matrix/key/v2/server` gives them, made from its signing key.

use std::{collections::BTreeMap, fs, path::Path};

use ruma::{
    CanonicalJsonObject, ServerName,
    serde::{Base64, base64::Standard},
    signatures::{Ed25519KeyPair, sign_json},
};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use super::{HomeserverYaml, OldSigningKey, SigningKey};
use crate::secret::ExposeSecret;

/// How long the object is valid: Synapse's own default (`key_refresh_interval`).
const VALID_FOR_MS: u64 = 24 * 60 * 60 * 1000;

/// What stands before the 32 bytes of a private Ed25519 key in PKCS#8 (RFC 8410, section 7).
const PKCS8: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

#[derive(Serialize)]
struct Object<'a> {
    server_name: &'a ServerName,
    valid_until_ts: u64,
    verify_keys: BTreeMap<String, Key>,
    old_verify_keys: &'a BTreeMap<String, OldSigningKey>,
}

#[derive(Serialize)]
struct Key {
    key: String,
}

impl HomeserverYaml {
    /// The object, signed, with the former keys in it.
    ///
    /// The error is a clause that says why there is no key; it never holds one.
    pub fn key_object(&self, now_ms: u64) -> Result<Box<RawValue>, String> {
        let keys = match &self.signing_key {
            SigningKey::Inline(text) => read(text.expose_secret(), "signing_key")?,
            SigningKey::File(path) => read_file(path)?,
        };
        let object = to_raw_value(&Object {
            server_name: &self.server_name,
            valid_until_ts: now_ms.saturating_add(VALID_FOR_MS),
            verify_keys: keys.iter().map(public).collect(),
            old_verify_keys: &self.old_signing_keys,
        });
        let object = object.and_then(|object| serde_json::from_str(object.get()));
        let mut object: CanonicalJsonObject = object.map_err(|error| error.to_string())?;
        for key in &keys {
            sign_json(self.server_name.as_str(), key, &mut object)
                .map_err(|error| error.to_string())?;
        }
        to_raw_value(&object).map_err(|error| error.to_string())
    }
}

fn read_file(path: &Path) -> Result<Vec<Ed25519KeyPair>, String> {
    let place = path.display().to_string();
    let text = fs::read_to_string(path).map_err(|error| format!("{place}: {error}"))?;
    read(&text, &place)
}

/// Lines of `ed25519 <version> <unpadded base64 of the private key>`.
fn read(text: &str, place: &str) -> Result<Vec<Ed25519KeyPair>, String> {
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    let keys: Option<Vec<_>> = lines.map(pair).collect();
    keys.filter(|keys| !keys.is_empty())
        .ok_or_else(|| format!("{place} holds no signing key"))
}

fn pair(line: &str) -> Option<Ed25519KeyPair> {
    let mut words = line.split_whitespace();
    let (Some("ed25519"), Some(version), Some(key), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return None;
    };
    let key = Base64::<Standard, Vec<u8>>::parse(key).ok()?.into_inner();
    if key.len() != 32 {
        return None;
    }
    Ed25519KeyPair::from_der(&[&PKCS8[..], &key].concat(), version.to_owned()).ok()
}

fn public(pair: &Ed25519KeyPair) -> (String, Key) {
    let key = Base64::<Standard, _>::new(pair.public_key().to_vec()).encode();
    (format!("ed25519:{}", pair.version()), Key { key })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::DatabaseAddress;

    /// Source: Matrix specification, appendices, "Signing JSON", test vectors.
    const SEED: &str = "YJDBA9Xnr2sVqXD9Vj7XVUnmFZcZrlw8Md7kMW+3XA1";

    fn yaml(signing_key: SigningKey) -> HomeserverYaml {
        HomeserverYaml {
            server_name: "domain".try_into().unwrap(),
            database: DatabaseAddress::Sqlite("h.db".into()),
            media_path: "media".into(),
            signing_key,
            old_signing_keys: BTreeMap::from([(
                "ed25519:old".to_owned(),
                OldSigningKey {
                    key: "b2xk".to_owned(),
                    expired_ts: 5,
                },
            )]),
            pepper: None,
        }
    }

    #[test]
    fn the_object_is_signed_by_every_key_of_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        fs::write(&path, format!("ed25519 1 {SEED}\n\ned25519 a_b {SEED}\n")).unwrap();
        let object = yaml(SigningKey::File(path)).key_object(1000).unwrap();
        let object: serde_json::Value = serde_json::from_str(object.get()).unwrap();
        assert_eq!(object["server_name"], "domain");
        assert_eq!(object["valid_until_ts"], 86_401_000);
        let public = "XGX0JRS2Af3be3knz2fBiRbApjm2Dh61gXDJA8kcJNI";
        assert_eq!(object["verify_keys"]["ed25519:1"]["key"], public);
        assert_eq!(object["verify_keys"]["ed25519:a_b"]["key"], public);
        assert_eq!(object["old_verify_keys"]["ed25519:old"]["expired_ts"], 5);
        let signatures = object["signatures"]["domain"].as_object().unwrap();
        assert_eq!(signatures.len(), 2);
        let signed: CanonicalJsonObject = serde_json::from_value(object.clone()).unwrap();
        let keys = [("ed25519:1", public), ("ed25519:a_b", public)]
            .map(|(id, key)| (id.to_owned(), Base64::parse(key).unwrap()));
        let keys = BTreeMap::from([("domain".to_owned(), BTreeMap::from(keys))]);
        ruma::signatures::verify_json(&keys, &signed).unwrap();
    }

    #[test]
    fn without_a_key_it_says_why() {
        let clause = |key| yaml(key).key_object(0).unwrap_err();
        let inline = |text: &str| clause(SigningKey::Inline(text.into()));
        let lines = [
            clause(SigningKey::File("/no/such.key".into())),
            inline(""),
            inline("ed25519 1 c2hvcnQ"),
            inline(&format!("rsa 1 {SEED}")),
            inline(SEED),
        ];
        insta::assert_snapshot!(lines.join("\n"), @r"
        /no/such.key: No such file or directory (os error 2)
        signing_key holds no signing key
        signing_key holds no signing key
        signing_key holds no signing key
        signing_key holds no signing key
        ");
    }
}
