//! What the replay has left out, read and not guessed from the answers: events that the target checked against a state
//! in which their sender could not say them, because of a fork, come as backfill; what a restarted target has lost comes
//! again as it came before.

use std::{collections::BTreeSet, slice};

use ruma::OwnedEventId;

use super::{
    compare::{Expected, Found},
    past,
};
use crate::{
    Result,
    resident::{OpenRoom, Resident, open_room::Event},
    target::admin_room::AdminRoom,
};

/// The target never shows these: that they aren't seen says nothing.
const UNSEEN: &str = "org.matrix.dummy_event";

/// Timeline events on forks and behind them that nobody sees on the target, newest first: each goes before all that are
/// there.
///
/// Behind a fork, too, an event can be refused: where two events follow the same state and a third follows both, Tuwunel
/// keeps one of the two states at random (`state_at_incoming_resolved` collects them by their common hash), and who
/// joined on the other side can't speak.
///
/// Any other event that is missing is sent again ([`lost`]): before all others it would stand in a wrong place for no
/// reason.
#[must_use]
pub fn missing(room: &OpenRoom, expected: &Expected, found: &Found) -> Vec<OwnedEventId> {
    let mut missing = unseen(room, expected, found, expected.is_forked());
    missing.reverse();
    missing
}

/// Timeline events on no fork that nobody sees on the target: those that were imported as its past, newest first, and those
/// that were sent, oldest first.
#[must_use]
pub fn lost(
    room: &OpenRoom,
    expected: &Expected,
    found: &Found,
) -> (Vec<OwnedEventId>, Vec<OwnedEventId>) {
    let unseen = unseen(room, expected, found, |place| !expected.is_beside(place));
    if unseen.is_empty() {
        return Default::default();
    }
    let imported: BTreeSet<_> = past::openers(room).into_iter().collect();
    let (mut past, sent): (Vec<_>, Vec<_>) =
        unseen.into_iter().partition(|id| imported.contains(id));
    past.reverse();
    (past, sent)
}

/// At wanted places, in the order of the timeline.
fn unseen(
    room: &OpenRoom,
    expected: &Expected,
    found: &Found,
    is_wanted: impl Fn(usize) -> bool,
) -> Vec<OwnedEventId> {
    let there: BTreeSet<_> = found
        .timeline
        .iter()
        .chain(&found.seen_by_others)
        .map(|entry| &entry.event_id)
        .collect();
    let wanted = expected.timeline.iter().enumerate();
    wanted
        .filter(|(place, _)| is_wanted(*place))
        .map(|(_, entry)| entry)
        .filter(|entry| entry.kind != UNSEEN && !there.contains(&entry.event_id))
        .map(|entry| &entry.event_id)
        .filter(|id| room.event(id).is_some() && !past::comes_with_the_join(room, id))
        .cloned()
        .collect()
}

/// Imports events through the admin room. Whether they are there is for the next reading to tell.
pub async fn bring(
    admin: &AdminRoom,
    resident: &Resident,
    room: &OpenRoom,
    events: &[OwnedEventId],
) -> Result<()> {
    let size = |id: &OwnedEventId| room.event(id).map_or(0, Event::length);
    for several in past::commands(events, size, past::ANSWERED) {
        let Err(reason) = past::import(admin, resident, several).await? else {
            continue;
        };
        tracing::debug!(reason, "the events are tried one by one");
        for id in several {
            if let Err(reason) = past::import(admin, resident, slice::from_ref(id)).await? {
                tracing::debug!(%id, reason, "not imported");
            }
        }
    }
    Ok(())
}
