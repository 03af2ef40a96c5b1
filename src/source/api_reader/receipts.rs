//! A user's receipts among those of everybody in the room.

use std::collections::BTreeMap;

use ruma::{OwnedEventId, OwnedRoomId, UserId};

use super::own::Own;
use crate::{
    model::receipt::Receipt,
    source::{
        admin_api::{OfRoom, ServedReceipts},
        intake::problem,
    },
};

/// By room, sorted.
pub(super) fn of(
    user: &UserId,
    joined: &BTreeMap<String, OfRoom>,
    own: &mut Own,
) -> BTreeMap<OwnedRoomId, Vec<Receipt>> {
    let mut all = BTreeMap::new();
    for (room, served) in joined {
        let mut receipts = Vec::new();
        for event in served.receipts() {
            match event.map_err(|error| error.to_string()) {
                Ok(event) => match of_user(user, event) {
                    Ok(some) => receipts.extend(some),
                    Err(reason) => own.add(unread(user, room, &reason)),
                },
                Err(reason) => own.add(unread(user, room, &reason)),
            }
        }
        if receipts.is_empty() {
            continue;
        }
        receipts.sort();
        match OwnedRoomId::try_from(room.as_str()) {
            Ok(room) => drop(all.insert(room, receipts)),
            Err(error) => own.add(unread(user, room, &error.to_string())),
        }
    }
    all
}

fn of_user(user: &UserId, event: ServedReceipts) -> Result<Vec<Receipt>, String> {
    let mut receipts = Vec::new();
    for (event_id, kinds) in event {
        for (receipt_type, mut users) in kinds {
            let Some(receipt) = users.remove(user.as_str()) else {
                continue;
            };
            let event_id = OwnedEventId::try_from(event_id.as_str())
                .map_err(|error| format!("{event_id}: {error}"))?;
            receipts.push(Receipt {
                receipt_type,
                thread_id: receipt.thread_id,
                event_id,
                ts: receipt.ts.and_then(|ts| ts.as_u64()),
            });
        }
    }
    Ok(receipts)
}

fn unread(user: &UserId, room: &str, reason: &str) -> crate::job::Problem {
    problem(
        "receipts",
        user,
        &format!("those in {room} can't be read: {reason}"),
    )
}
