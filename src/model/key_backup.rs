//! One line of the bundle's `key_backups.ndjson.zst`.

use ruma::OwnedUserId;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// A backup's version, or one of its sessions; a version comes before its sessions. All of it is opaque.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged, try_from = "Line")]
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

/// Either of them: raw JSON can't be tried twice.
#[derive(Deserialize)]
struct Line {
    user_id: OwnedUserId,
    version: String,
    room_id: Option<String>,
    session_id: Option<String>,
    session: Option<Box<RawValue>>,
    algorithm: Option<String>,
    auth_data: Option<Box<RawValue>>,
}

impl TryFrom<Line> for KeyBackupLine {
    type Error = &'static str;

    fn try_from(line: Line) -> Result<Self, Self::Error> {
        let Line {
            user_id, version, ..
        } = line;
        match (line.room_id, line.session_id, line.session) {
            (Some(room_id), Some(session_id), Some(session)) => Ok(Self::Session {
                user_id,
                version,
                room_id,
                session_id,
                session,
            }),
            _ => match (line.algorithm, line.auth_data) {
                (Some(algorithm), Some(auth_data)) => Ok(Self::Version {
                    user_id,
                    version,
                    algorithm,
                    auth_data,
                }),
                _ => Err("neither a version of a key backup nor a session"),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_of_line_are_read_as_written() {
        for text in [
            r#"{"user_id":"@a:x","version":"1","room_id":"!r:x","session_id":"s","session":{"b":1,"a":2.50}}"#,
            r#"{"user_id":"@a:x","version":"1","algorithm":"m","auth_data":{"b":1,"a":2.50}}"#,
        ] {
            let line: KeyBackupLine = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&line).unwrap(), text);
        }
        let neither = serde_json::from_str::<KeyBackupLine>(r#"{"user_id":"@a:x","version":"1"}"#);
        assert!(neither.is_err());
    }
}
