//! The current states of rooms whose events don't pass by, or can't be read without what the state says.

use std::{collections::HashMap, sync::Arc};

use ruma::OwnedEventId;

use super::{
    batches::Batches,
    crew::Threads,
    current::Read,
    event::{COLUMNS, Raw},
    redactions::{Redactions, Target},
    room::Room,
};
use crate::{
    Result,
    source::database::{Database, quote},
};

/// Events that are asked for in one query.
const TOGETHER: usize = 500;

/// Adds its state events to each room.
pub(super) fn read(
    database: &mut Database,
    redactions: &Redactions,
    threads: &Threads,
    rooms: &mut [Room],
) -> Result<()> {
    let places: HashMap<OwnedEventId, usize> = rooms
        .iter_mut()
        .enumerate()
        .flat_map(|(place, room)| room.current.ids.drain().map(move |id| (id, place)))
        .collect();
    let mut ids: Vec<_> = places.keys().collect();
    ids.sort();
    let mut batches = Batches::new(threads.clone());
    let ids_of_rooms: Arc<Vec<_>> = Arc::new(
        rooms
            .iter()
            .map(|room| room.facts.room_id.clone())
            .collect(),
    );
    let work = move |event: Raw| (event.room, event.state(&ids_of_rooms[event.room]));
    for some in ids.chunks(TOGETHER) {
        let list: Vec<_> = some.iter().map(|id| quote(id.as_str())).collect();
        let sql = format!(
            "SELECT {COLUMNS} FROM events e LEFT JOIN event_json j ON j.event_id = e.event_id \
             WHERE e.event_id IN ({})",
            list.join(", ")
        );
        database.each(&sql, &mut |row| {
            let Some((event_id, place)) = row
                .text(0)
                .and_then(|id| places.get_key_value(<&ruma::EventId>::try_from(id).ok()?))
            else {
                return Ok(());
            };
            let mut event = Raw::of(row, *place, false);
            let target = Target {
                event_id,
                room_id: &rooms[*place].facts.room_id,
                sender: row.text(5),
                kind: row.text(6),
                stream_ordering: row.int(7).unwrap_or_default(),
            };
            event.redacted_by = redactions.of(&target).map(ToOwned::to_owned);
            let bytes = event.bytes();
            sort(rooms, batches.give(event, bytes, &work).unwrap_or_default());
            Ok(())
        })?;
    }
    while let Some(events) = batches.rest(&work) {
        sort(rooms, events);
    }
    Ok(())
}

fn sort(rooms: &mut [Room], events: Vec<(usize, Read)>) {
    for (place, event) in events {
        let room = &mut rooms[place];
        room.current.take(&room.facts.room_id, event);
    }
}
