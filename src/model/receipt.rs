//! One receipt in the bundle's `receipts.json` (user → room → list).

use ruma::OwnedEventId;
use serde::{Deserialize, Serialize};

/// How far a user has read, of one kind and in one thread. `m.fully_read` is room account data.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Receipt {
    /// `m.read` or `m.read.private`.
    pub receipt_type: String,
    /// `main`, a thread's root, or none for the room as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thread_id: Option<String>,
    /// The last event read.
    pub event_id: OwnedEventId,
    /// Milliseconds since the Unix epoch.
    #[serde(default)]
    pub ts: Option<u64>,
}
