//! What the process tells: a line of JSON for each row, and one at the end.

use ruma::OwnedRoomId;
use serde::{Deserialize, Serialize};

/// A line.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Told {
    /// A row with a session.
    Session(Row),
    /// A row without.
    Broken,
    /// Why nothing more comes, in one clause.
    Failed(String),
    /// All rows were told: so many.
    End(u64),
}

/// The session of a row, without its key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// The room in which it is used.
    pub room_id: OwnedRoomId,
    /// The Curve25519 key of the device that made it, in Base64.
    pub sender_key: String,
    /// Its ID.
    pub session_id: String,
    /// The number of the first message that it decrypts.
    pub first_known_index: u32,
}
