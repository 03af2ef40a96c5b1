//! What a target can take.

use ruma::RoomVersionId;
use serde::Serialize;

/// What a target can do, asked of the target itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Abilities {
    /// `Tuwunel 1.4.6`, `Synapse 1.163.2` …
    pub software: String,
    /// Takes the history by replay through the resident (Tuwunel), or only joins at the current state (a stand-in).
    pub replay: bool,
    /// Shows a room's past only to those who may see the room. Backfilled events have no state of their own, by which the
    /// target could judge who may read them.
    pub protects_past: bool,
    /// Room versions that it can join.
    pub room_versions: Vec<RoomVersionId>,
}
