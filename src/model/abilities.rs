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
    /// Room versions that it can join.
    pub room_versions: Vec<RoomVersionId>,
}
