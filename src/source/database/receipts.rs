//! `receipts_linearized`: how far a user has read.

use ruma::OwnedEventId;
use serde::Deserialize;

use super::{
    Database,
    account_data::room,
    batch::{Batch, text},
};
use crate::{Result, model::receipt::Receipt};

#[derive(Deserialize)]
struct Data {
    ts: Option<u64>,
}

/// Public and private receipts, of rooms and of threads; of two for the same thing, the later one.
pub(super) fn read(batch: &mut Batch, database: &mut Database) -> Result<()> {
    let sql = format!(
        "SELECT user_id, room_id, receipt_type, thread_id, event_id, data FROM receipts_linearized \
         WHERE user_id IN {} ORDER BY stream_id",
        batch.list()
    );
    batch.each(database, "receipt", &sql, |user, row| {
        let room = room(text(row, 1, "room")?)?;
        let event = text(row, 4, "event")?;
        let event_id = OwnedEventId::try_from(event)
            .map_err(|error| format!("{event:?} in {room} is no event ID ({error})"))?;
        let data: Option<Data> = row.text(5).and_then(|data| serde_json::from_str(data).ok());
        let receipt = Receipt {
            receipt_type: text(row, 2, "type")?.to_owned(),
            thread_id: row.text(3).map(str::to_owned),
            event_id,
            ts: data.and_then(|data| data.ts),
        };
        let receipts = user.receipts.entry(room).or_default();
        // Synapse's unique index lets several rows without a thread in.
        receipts.retain(|other| {
            (&other.receipt_type, &other.thread_id) != (&receipt.receipt_type, &receipt.thread_id)
        });
        receipts.push(receipt);
        Ok(())
    })?;
    batch.settle("receipt", |user| {
        user.receipts.values_mut().for_each(|room| room.sort());
        Vec::new()
    });
    Ok(())
}
