//! What the replay has left out: events on a fork that the target checked against a state in which their sender could
//! no longer say them. They are read, not guessed from the answers, and brought in as backfill.

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

/// Timeline events on forks that nobody sees on the target, newest first: each goes before all that are there.
///
/// Any other event that is missing is sent again ([`lost`]): before all others it would stand in a wrong place for no
/// reason.
#[must_use]
pub fn missing(room: &OpenRoom, expected: &Expected, found: &Found) -> Vec<OwnedEventId> {
    let mut missing = unseen(room, expected, found, true);
    missing.reverse();
    missing
}

/// Other timeline events that nobody sees on the target: those that were imported as its past, newest first, and those
/// that were sent, oldest first.
#[must_use]
pub fn lost(
    room: &OpenRoom,
    expected: &Expected,
    found: &Found,
) -> (Vec<OwnedEventId>, Vec<OwnedEventId>) {
    let unseen = unseen(room, expected, found, false);
    if unseen.is_empty() {
        return Default::default();
    }
    let imported: BTreeSet<_> = past::openers(room).into_iter().collect();
    let (mut past, sent): (Vec<_>, Vec<_>) =
        unseen.into_iter().partition(|id| imported.contains(id));
    past.reverse();
    (past, sent)
}

/// In the order of the timeline; on forks (`beside`), or not.
fn unseen(room: &OpenRoom, expected: &Expected, found: &Found, beside: bool) -> Vec<OwnedEventId> {
    let there: BTreeSet<_> = found
        .timeline
        .iter()
        .chain(&found.seen_by_others)
        .map(|entry| &entry.event_id)
        .collect();
    let wanted = expected.timeline.iter().zip(&expected.beside);
    wanted
        .filter(|(_, is_beside)| **is_beside == beside)
        .map(|(entry, _)| entry)
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
