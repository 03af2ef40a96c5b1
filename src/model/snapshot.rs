//! One line of the bundle's `state_snapshots.ndjson.zst`.

use ruma::{OwnedEventId, OwnedRoomId};
use serde::{Deserialize, Serialize};

/// The state before a timeline event of which the bundle lacks an event that it follows: where a replay can start, or
/// has a gap.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The room.
    pub room_id: OwnedRoomId,
    /// The event.
    pub event_id: OwnedEventId,
    /// The IDs of the state events, sorted; the events are in the room's timeline or among its outliers.
    pub state_before: Vec<OwnedEventId>,
}
