//! A room's newest events, found without reading it from the beginning.
//!
//! Not by pages that go backwards: for these, Synapse asks other servers for what it lacks, and stores it.

use ruma::{OwnedEventId, RoomId};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    Error, Result,
    source::admin_api::{Client, Context, Extremity, Neighbour},
};

/// Newer events than a tip that are asked for together; hardly ever is there one.
const NEWER: usize = 10;

/// The end of a room's timeline in Synapse's order.
pub(super) struct Newest {
    /// The last event.
    pub(super) last: Neighbour,
    /// The last one that Synapse doesn't hide.
    pub(super) last_seen: Option<OwnedEventId>,
}

/// None for a room without events. `tips` are its forward extremities.
pub(super) async fn of(
    client: &Client,
    room: &RoomId,
    tips: &[Extremity],
) -> Result<Option<Newest>> {
    let Some(tip) = tips.iter().max_by_key(|tip| tip.depth) else {
        return Ok(None);
    };
    let mut found: Option<Newest> = None;
    let mut at = tip.event_id.clone();
    loop {
        let around = client.neighbours(room, &at, 2 * NEWER as u64).await?;
        let newer = around.events_after.len();
        for event in [itself(&around)?].into_iter().chain(around.events_after) {
            let seen = (!event.is_soft_failed()).then(|| event.event_id.clone());
            let before = found.take().and_then(|newest| newest.last_seen);
            found = Some(Newest {
                last_seen: seen.or(before),
                last: event,
            });
        }
        match &found {
            Some(newest) if newer >= NEWER => at = newest.last.event_id.clone(),
            _ => return Ok(found),
        }
    }
}

/// The event in the middle.
pub(super) fn itself(around: &Context) -> Result<Neighbour> {
    serde_json::from_str(around.event.get()).map_err(|error| Error::Malformed {
        server: "Synapse",
        request: "GET …/context".to_owned(),
        reason: error.to_string(),
    })
}

/// What `context` tells of the event in the middle beyond that.
#[derive(Deserialize)]
pub(super) struct Middle {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) state_key: Option<String>,
    #[serde(default)]
    unsigned: Unsigned,
}

#[derive(Default, Deserialize)]
struct Unsigned {
    replaces_state: Option<OwnedEventId>,
}

impl Middle {
    pub(super) fn of(event: &RawValue) -> Result<Self, String> {
        serde_json::from_str(event.get()).map_err(|error| error.to_string())
    }

    /// The event that had this one's place in the state before it.
    pub(super) fn replaces(self) -> Option<OwnedEventId> {
        self.unsigned.replaces_state
    }
}
