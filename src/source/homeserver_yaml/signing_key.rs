//! `signing_key`, `signing_key_path`, `old_signing_keys`.

use std::path::{Path, PathBuf};

use ruma::ServerName;
use serde::{Deserialize, Serialize};

use super::found;
use crate::secret::SecretString;

/// The key that signs the server's events and requests.
#[derive(Debug, Clone)]
pub enum SigningKey {
    /// In the configuration itself: `ed25519 <version> <unpadded base64 of the seed>`.
    Inline(SecretString),
    /// In this file, one such line for each key.
    File(PathBuf),
}

/// A key that is not used any more. Events that it signed are checked with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OldSigningKey {
    /// The public key in unpadded base64.
    pub key: String,
    /// Until when it was used, in milliseconds since the Unix epoch.
    pub expired_ts: u64,
}

/// The inline key wins; without either, Synapse looks for `<server_name>.signing.key` beside its configuration
/// (`config/key.py`).
pub(super) fn chosen(
    folder: &Path,
    server_name: &ServerName,
    inline: Option<SecretString>,
    path: Option<PathBuf>,
) -> SigningKey {
    match (inline, path) {
        (Some(key), _) => SigningKey::Inline(key),
        (None, Some(path)) => SigningKey::File(found(folder, &path)),
        (None, None) => SigningKey::File(folder.join(format!("{server_name}.signing.key"))),
    }
}
