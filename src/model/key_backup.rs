//! One line of the bundle's `key_backups.ndjson.zst`.

use ruma::OwnedUserId;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// A backup's version, or one of its sessions; a version comes before its sessions. All of it is opaque.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
pub enum KeyBackupLine {
    /// One encrypted Megolm session.
    Session {
        /// Whose backup.
        user_id: OwnedUserId,
        /// Of which version.
        version: String,
        /// The room of the session, unchecked: the client chose it.
        room_id: String,
        /// The Megolm session.
        session_id: String,
        /// `first_message_index`, `forwarded_count`, `is_verified`, `session_data`.
        session: Box<RawValue>,
    },
    /// A version that is not deleted.
    Version {
        /// Whose backup.
        user_id: OwnedUserId,
        /// Counts up from 1.
        version: String,
        /// `m.megolm_backup.v1.curve25519-aes-sha2`.
        algorithm: String,
        /// Public key and signatures.
        auth_data: Box<RawValue>,
    },
}
