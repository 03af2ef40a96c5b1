//! Read receipts and fully-read markers, in rooms that the user is in.

use std::collections::{BTreeMap, BTreeSet};

use ruma::{EventId, OwnedRoomId, RoomId, UserId};
use serde_json::Value;

use super::{account_data::FULLY_READ, backfilled::is_backfilled, refused::Refused};
use crate::{
    Result,
    bundle::Bundle,
    migration::{outcome::Comparison, plan::Plan},
    model::{abilities::Abilities, receipt::Receipt},
    resident::OldServer,
    target::Target,
};

/// Rooms in one `/sync`: their IDs are in its URL.
const AT_ONCE: usize = 40;

/// The type of receipts that everybody in the room sees.
const PUBLIC: &str = "m.read";

/// The type of receipts that nobody but their user sees.
const PRIVATE: &str = "m.read.private";

/// What a user has read.
#[derive(Debug, Default)]
pub(super) struct Read {
    /// Receipts by room.
    pub(super) receipts: BTreeMap<OwnedRoomId, Vec<Receipt>>,
    /// Fully-read markers by room.
    pub(super) markers: BTreeMap<OwnedRoomId, String>,
}

/// Whether one of them is private: Tuwunel moves that to each event that its user sends.
pub(super) fn any_private(receipts: &[Receipt]) -> bool {
    let mut kinds = receipts.iter().map(|receipt| &receipt.receipt_type);
    kinds.any(|kind| kind == PRIVATE)
}

/// Those that the target keeps side by side, and those that have no place there.
fn chosen<'a>(
    receipts: &'a [Receipt],
    abilities: &Abilities,
) -> (Vec<&'a Receipt>, Vec<&'a Receipt>) {
    if abilities.keeps_threads_of_receipts() {
        return (receipts.iter().collect(), Vec::new());
    }
    let mut first: BTreeMap<&str, &Receipt> = BTreeMap::new();
    for receipt in receipts {
        let best = first.entry(&receipt.receipt_type).or_insert(receipt);
        if rank(receipt) > rank(best) {
            *best = receipt;
        }
    }
    receipts
        .iter()
        .partition(|receipt| std::ptr::eq(first[&*receipt.receipt_type], *receipt))
}

/// What is read of the room as a whole says more than what is read of a thread; of these, the last one.
fn rank(receipt: &Receipt) -> (bool, Option<u64>) {
    let is_of_room = matches!(receipt.thread_id.as_deref(), None | Some("main"));
    (is_of_room, receipt.ts)
}

/// Where they go, and in which ways.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) target: &'a Target,
    pub(super) abilities: &'a Abilities,
    pub(super) old_server: Option<&'a OldServer>,
}

/// Sets them in the rooms that the user is joined to on the target, at events that are there; gives the rooms in which one
/// was refused.
pub(super) async fn set(
    place: Place<'_>,
    user: &UserId,
    read: &Read,
    refused: &mut Refused,
) -> Result<BTreeSet<String>> {
    let mut left = BTreeSet::new();
    if read.receipts.is_empty() && read.markers.is_empty() {
        return Ok(left);
    }
    let target = place.target;
    let joined: BTreeSet<_> = target.joined_rooms(user).await?.into_iter().collect();
    let mut timed = Vec::new();
    for (room, receipts) in &read.receipts {
        if !joined.contains(room) {
            continue;
        }
        for receipt in chosen(receipts, place.abilities).0 {
            if !target.sees_event(user, room, &receipt.event_id).await? {
                continue;
            }
            let keeps_its_time = place.old_server.is_some()
                && receipt.receipt_type == PUBLIC
                && receipt.ts.is_some();
            if keeps_its_time {
                timed.push((&**room, receipt));
                // A newer target would not take the same receipt again with another time.
                if place.abilities.keeps_first_receipt() {
                    continue;
                }
            }
            // The user's own request resets the unread counts, which that of a server does not.
            match target.set_receipt(user, room, receipt).await {
                Err(error) if has_no_place(receipt, &error) => {}
                set => {
                    if !refused.note(|| name(room, receipt), set)? {
                        left.insert(room.to_string());
                    }
                }
            }
        }
    }
    if let Some(old_server) = place.old_server {
        old_server.send_receipts(user, &timed).await?;
    }
    for (room, event) in &read.markers {
        if !joined.contains(room) || marker(target, user, room).await?.as_ref() == Some(event) {
            continue;
        }
        let Ok(event) = <&EventId>::try_from(event.as_str()) else {
            continue;
        };
        if target.sees_event(user, room, event).await? {
            let set = target.set_fully_read(user, room, event).await;
            if !refused.note(|| format!("the fully-read marker of {room}"), set)? {
                left.insert(room.to_string());
            }
        }
    }
    Ok(left)
}

/// Whether a private receipt is refused because its event came as backfill: Tuwunel has no place for it.
fn has_no_place(receipt: &Receipt, error: &crate::Error) -> bool {
    receipt.receipt_type == PRIVATE
        && matches!(error, crate::Error::Answer { status: 400, message, .. } if message.contains("backfilled"))
}

async fn marker(target: &Target, user: &UserId, room: &RoomId) -> Result<Option<String>> {
    let content = target.account_data(user, Some(room), FULLY_READ).await?;
    let content = content.and_then(|content| serde_json::from_str::<Value>(content.get()).ok());
    Ok(content.and_then(|content| content["event_id"].as_str().map(str::to_owned)))
}

fn name(room: &RoomId, receipt: &Receipt) -> String {
    let thread = receipt
        .thread_id
        .as_ref()
        .map_or_else(String::new, |thread| format!(", thread {thread}"));
    format!(
        "the receipt {} at {} in {room}{thread}",
        receipt.receipt_type, receipt.event_id
    )
}

/// Compares all of them, and counts the public ones that have their own time.
pub(super) async fn compare(
    target: &Target,
    (bundle, plan): (&Bundle, &Plan),
    user: &UserId,
    read: &Read,
    (comparison, timed): (&mut Comparison, &mut u64),
) -> Result<()> {
    let abilities = &plan.target;
    if read.receipts.is_empty() && read.markers.is_empty() {
        return Ok(());
    }
    let joined: BTreeSet<_> = target.joined_rooms(user).await?.into_iter().collect();
    let rooms: Vec<&RoomId> = read.receipts.keys().map(AsRef::as_ref).collect();
    let there: Vec<&RoomId> = rooms
        .iter()
        .copied()
        .filter(|room| joined.contains(*room))
        .collect();
    let mut found = BTreeMap::new();
    for rooms in there.chunks(AT_ONCE) {
        found.extend(target.receipts(user, rooms).await?);
    }
    for (room, receipts) in &read.receipts {
        comparison.expected += receipts.len() as u64;
        if !joined.contains(room) {
            let what = format!("{user}: receipts of {room}, which they are not in there");
            comparison.known.push(what);
            continue;
        }
        let (kept, lost) = chosen(receipts, abilities);
        let reason = "the target keeps one receipt of each type in a room";
        let lost = lost
            .iter()
            .map(|receipt| format!("{user}: {}: {reason}", name(room, receipt)));
        comparison.known.extend(lost);
        let found: &[Receipt] = found.get(room).map_or(&[], Vec::as_slice);
        for receipt in kept {
            let name = format!("{user}: {}", name(room, receipt));
            if let Some(found) = same(receipt, found, abilities) {
                comparison.equal += 1;
                *timed += u64::from(receipt.receipt_type == PUBLIC && found.ts == receipt.ts);
            } else if !target.sees_event(user, room, &receipt.event_id).await? {
                comparison
                    .known
                    .push(format!("{name}: that event is not there"));
            } else if receipt.receipt_type == PRIVATE
                && tokio::task::block_in_place(|| {
                    is_backfilled(bundle, plan, room, &receipt.event_id)
                })?
            {
                comparison.known.push(format!(
                    "{name}: that event came as backfill, where the target has no place for it"
                ));
            } else {
                comparison.differences.push(format!("{name} is missing"));
            }
        }
    }
    for (room, event) in &read.markers {
        comparison.expected += 1;
        let name = format!("{user}: the fully-read marker of {room}");
        if marker(target, user, room).await?.as_ref() == Some(event) {
            comparison.equal += 1;
        } else if !joined.contains(room) {
            comparison
                .known
                .push(format!("{name}, which they are not in there"));
        } else {
            let event_id = <&EventId>::try_from(event.as_str());
            let is_there = match event_id {
                Ok(event) => target.sees_event(user, room, event).await?,
                Err(_) => false,
            };
            if is_there {
                comparison
                    .differences
                    .push(format!("{name} is not at {event}"));
            } else {
                comparison
                    .known
                    .push(format!("{name}: {event} is not there"));
            }
        }
    }
    Ok(())
}

/// The receipt among those that are there. A thread is forgotten by older targets, if it did not come from the old server.
fn same<'a>(receipt: &Receipt, found: &'a [Receipt], abilities: &Abilities) -> Option<&'a Receipt> {
    found.iter().find(|found| {
        found.receipt_type == receipt.receipt_type
            && found.event_id == receipt.event_id
            && (found.thread_id == receipt.thread_id || !abilities.keeps_threads_of_receipts())
    })
}
