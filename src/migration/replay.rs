//! Replaying a room forward: each event checked, state-resolved and appended by the target like live traffic.

use std::{collections::BTreeSet, sync::Arc};

use ruma::{EventId, OwnedEventId, RoomVersionId};
use serde_json::value::RawValue;

use super::{context::Import, past};
use crate::{
    Error, Result,
    ledger::Step,
    resident::{OpenRoom, Sender, StateMap},
};

/// Sends the room's timeline from where the ledger says, oldest first. A refused event is that event's problem. `name` is
/// the room's, for people.
pub async fn run(import: &Import, sender: &Sender, room: &OpenRoom, name: &str) -> Result<()> {
    let start = import
        .ledger
        .entry(Step::Replay, &room.room_id)?
        .map_or(0, |entry| entry.position);
    let (name, total) = (Arc::from(name), room.timeline().len() as u64);
    import.in_hand(&room.room_id, &name, start, total);
    let skip = usize::try_from(start).unwrap_or(usize::MAX);
    let portions = portions(room, skip, || pdus_at_once(import, &room.version));
    let mut position = start;
    let mut all_taken = true;
    for portion in portions {
        import.job.turn().await?;
        all_taken = send(import, sender, room, (&portion.sent, all_taken)).await?;
        position += portion.events;
        import.ledger.advance(&room.room_id, position)?;
        import.count_events(&room.room_id, &name, portion.events, (position, total));
    }
    Ok(())
}

/// Sends some events once more, in the order of the timeline.
pub async fn again(
    import: &Import,
    sender: &Sender,
    room: &OpenRoom,
    events: &[OwnedEventId],
) -> Result<()> {
    for id in events {
        import.job.turn().await?;
        send(import, sender, room, (std::slice::from_ref(&id), true)).await?;
    }
    Ok(())
}

/// In one transaction; if the target refuses it as a whole, one by one. Whether it has taken all of them, as it has
/// those before (`knows_state`).
async fn send(
    import: &Import,
    sender: &Sender,
    room: &OpenRoom,
    (events, knows_state): (&[&OwnedEventId], bool),
) -> Result<bool> {
    let mut pdus = Vec::with_capacity(events.len());
    for id in events {
        if let Some(pdu) = room.pdu(id)? {
            pdus.push((*id, pdu));
        }
    }
    // Where the target doesn't know the state at an event, it asks for all of it.
    let asked: Vec<StateMap> = pdus
        .iter()
        .filter(|(id, _)| !knows_state || room.has_snapshot(id))
        .filter_map(|(id, _)| room.state_before(id))
        .collect();
    let asked = asked.iter().flat_map(StateMap::keys);
    let asked = asked.map(|(kind, key)| (&**kind, &**key));
    let own = pdus
        .iter()
        .filter_map(|(id, _)| room.event(id)?.state_pair());
    let bringing = import.state_keys.bring(asked.chain(own)).await;
    let pdus: Vec<(&EventId, &RawValue)> = pdus.iter().map(|(id, pdu)| (&***id, &**pdu)).collect();
    if pdus.is_empty() {
        return Ok(knows_state);
    }
    if let Some(refusals) = refusals(sender.send(&pdus).await, pdus.len())? {
        let are_taken = refusals.iter().all(Option::is_none);
        // What was refused it has not met.
        if are_taken {
            bringing.met();
        }
        tell(import, &pdus, refusals)?;
        return Ok(are_taken);
    }
    let mut are_taken = true;
    for pdu in pdus {
        let pdu = [pdu];
        let refusals = refusals(sender.send(&pdu).await, 1)?.unwrap_or_default();
        are_taken &= refusals.iter().all(Option::is_none);
        tell(import, &pdu, refusals)?;
    }
    if are_taken {
        bringing.met();
    }
    Ok(are_taken)
}

fn tell(
    import: &Import,
    pdus: &[(&EventId, &RawValue)],
    refusals: Vec<Option<String>>,
) -> Result<()> {
    for ((id, _), refusal) in pdus.iter().zip(refusals) {
        if let Some(reason) = refusal {
            import.problem("event", id, &format!("the target refused it: {reason}"))?;
        }
    }
    Ok(())
}

/// Each event's refusal. A transaction that is refused as a whole is its one event's refusal, and says nothing (`None`)
/// of several.
fn refusals(
    sent: Result<Vec<Option<String>>>,
    events: usize,
) -> Result<Option<Vec<Option<String>>>> {
    match sent {
        Err(
            error @ Error::Answer {
                status: 400 | 413, ..
            },
        ) => Ok((events == 1).then(|| vec![Some(error.to_string())])),
        other => other.map(Some),
    }
}

/// Events of the timeline that go together.
#[derive(Debug, Default, PartialEq, Eq)]
struct Portion<'a> {
    /// How many there are, those included that came otherwise.
    events: u64,
    /// Those that are sent.
    sent: Vec<&'a OwnedEventId>,
}

/// How many events of such a room can go together. In the first room versions events are named in another way, which
/// Tuwunel doesn't read when it puts them in order.
fn pdus_at_once(import: &Import, version: &RoomVersionId) -> usize {
    match version {
        RoomVersionId::V1 | RoomVersionId::V2 => 1,
        _ => import.pdus_at_once(),
    }
}

/// The timeline in portions, without its first events, so many. Where events go together, each follows the one before, so
/// that there is only one order to put them in; `at_once` is asked before each.
fn portions<'a>(
    room: &'a OpenRoom,
    skip: usize,
    at_once: impl Fn() -> usize + 'a,
) -> impl Iterator<Item = Portion<'a>> {
    let imported: BTreeSet<_> = past::openers(room).into_iter().collect();
    let mut timeline = room.timeline().skip(skip).peekable();
    std::iter::from_fn(move || {
        let mut portion = Portion::default();
        let most = at_once();
        while let Some(id) = timeline.peek() {
            let is_sent = !imported.contains(*id) && !past::comes_with_the_join(room, id);
            let follows = room.event(id).is_some_and(|event| event.follows);
            if !portion.sent.is_empty() && (!is_sent || !follows || portion.sent.len() >= most) {
                break;
            }
            portion.events += 1;
            portion.sent.extend(timeline.next().filter(|_| is_sent));
        }
        (portion.events > 0).then_some(portion)
    })
}
