//! What became of one room, from the bundle and the ledger alone.

use ruma::{OwnedRoomId, RoomId};
use serde::Serialize;

use crate::{
    Error, Result,
    bundle::Bundle,
    job::Problem,
    ledger::{Ledger, Step, Taken},
    model::room::Room,
};

/// One room's whole state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RoomState {
    /// Which.
    pub room_id: OwnedRoomId,
    /// The bundle's file name.
    pub bundle: String,
    /// For people.
    pub name: Option<String>,
    /// The room's version.
    pub version: Option<String>,
    /// Joined members, and those of this server among them.
    pub members: (u64, u64),
    /// Events of its timeline.
    pub events: u64,
    /// How far its history is replayed, in events of the timeline; nothing before it was begun.
    pub replayed: Option<u64>,
    /// Its ID on the target, if it was made anew.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub made_as: Option<OwnedRoomId>,
    /// Messages that were sent again into it.
    #[serde(skip_serializing_if = "super::outcome::is_zero")]
    pub resent: u64,
    /// How its import ended, if it did.
    pub end: Option<Taken>,
    /// What could not be done.
    pub problems: Vec<Problem>,
}

impl RoomState {
    /// Reads it. `ledger` is the import's of this bundle, if there was one.
    pub fn read(bundle: &Bundle, ledger: Option<&Ledger>, room: &RoomId) -> Result<Self> {
        let known = bundle.rooms()?;
        let Some(known) = known.into_iter().find(|known| known.room_id == room) else {
            return Err(Error::Usage(format!(
                "{} has no room {room}: look for the right spelling in the plan's report",
                bundle.name()
            )));
        };
        let mut state = Self::of(known, bundle.name());
        if let Some(ledger) = ledger {
            state.replayed = ledger
                .entry(Step::Replay, room)?
                .map(|entry| entry.position);
            state.made_as = ledger.made()?.remove(room.as_str());
            state.resent = ledger.count_resent(Some(room.as_str()))?;
            state.end = ledger
                .taken_for(room)?
                .into_iter()
                .find(|taken| taken.step == "settle");
            let is_its = |problem: &Problem| {
                problem.subject.contains(room.as_str()) || problem.reason.contains(room.as_str())
            };
            state.problems = ledger.problems()?.into_iter().filter(is_its).collect();
        }
        Ok(state)
    }

    fn of(room: Room, bundle: String) -> Self {
        Self {
            bundle,
            name: room.name,
            version: room.version.map(|version| version.to_string()),
            members: (room.joined_members, room.joined_local_members),
            events: room.event_count,
            room_id: room.room_id,
            replayed: None,
            made_as: None,
            resent: 0,
            end: None,
            problems: Vec::new(),
        }
    }
}
