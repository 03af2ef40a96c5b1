//! One line of the bundle's `events/<shard>.ndjson.zst`.

use ruma::{OwnedEventId, OwnedRoomId};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// An event as the bundle holds it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EventLine {
    /// The room.
    pub room_id: OwnedRoomId,
    /// The event's own ID, recomputed by the exporter.
    pub event_id: OwnedEventId,
    /// Known only as part of an auth chain or a kept state: not in the timeline, served but not replayed.
    #[serde(default, skip_serializing_if = "is_false")]
    pub outlier: bool,
    /// Refused by the source's auth rules: listed, not replayed.
    #[serde(default, skip_serializing_if = "is_false")]
    pub rejected: bool,
    /// Accepted, but hidden from the source's clients.
    #[serde(default, skip_serializing_if = "is_false")]
    pub soft_failed: bool,
    /// The redaction that emptied it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redacted_by: Option<OwnedEventId>,
    /// The PDU's `origin_server_ts`, where somebody has read it: the bundle has it in the PDU.
    #[serde(skip)]
    pub ts: Option<u64>,
    /// The PDU's own bytes in the federation format of its room version.
    pub pdu: Box<RawValue>,
}

impl EventLine {
    /// Whether clients of the source see it: what was refused or hidden there is served, but not replayed.
    #[must_use]
    pub fn is_in_timeline(&self) -> bool {
        !(self.outlier || self.rejected || self.soft_failed)
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde's skip_serializing_if hands a reference"
)]
fn is_false(value: &bool) -> bool {
    !value
}
