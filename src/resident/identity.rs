//! The resident's name and its own signing key. The old server's private key is never needed.

use std::{fs, path::Path};

use ruma::{
    CanonicalJsonObject, OwnedServerName,
    serde::Base64,
    signatures::{Ed25519KeyPair, sign_json},
};

use crate::{Error, Result, secret};

/// The version part of the key's ID.
const KEY_VERSION: &str = "ferryman";

/// A server name with a key pair.
pub struct Identity {
    /// `<host of the old server's name>:<other port>`: room ACLs compare hosts, so the resident is allowed wherever the
    /// old server is.
    pub name: OwnedServerName,
    /// Ed25519.
    pub key: Ed25519KeyPair,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Identity")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Identity {
    /// Reads the key (PKCS#8 DER, mode 0600) or makes it on the first run.
    pub fn load(name: OwnedServerName, path: &Path) -> Result<Self> {
        let document = match fs::read(path) {
            Ok(document) => document,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let document = Ed25519KeyPair::generate();
                secret::write_private(path, &document).map_err(Error::file(path))?;
                document.to_vec()
            }
            Err(error) => return Err(Error::file(path)(error)),
        };
        let key = Ed25519KeyPair::from_der(&document, KEY_VERSION.to_owned()).map_err(|error| {
            Error::Config(format!(
                "{} holds no usable signing key ({error}): remove it and a new one is made",
                path.display()
            ))
        })?;
        Ok(Self { name, key })
    }

    /// `ed25519:ferryman`.
    #[must_use]
    pub fn key_id(&self) -> String {
        format!("ed25519:{}", self.key.version())
    }

    /// The public key in unpadded base64.
    #[must_use]
    pub fn public_key(&self) -> String {
        Base64::<ruma::serde::base64::Standard, _>::new(self.key.public_key().to_vec()).encode()
    }

    /// Adds the resident's signature to an object.
    pub fn sign(&self, object: &mut CanonicalJsonObject) -> Result<()> {
        sign_json(self.name.as_str(), &self.key, object).map_err(|error| {
            Error::Target(format!(
                "a server key can't be signed ({error}): report this as a bug"
            ))
        })
    }
}
