//! The events outside the timelines that these, the current states and the snapshots rest on.

use std::collections::HashMap;

use ruma::{EventId, OwnedEventId};
use serde::Deserialize;

use super::{
    event::{COLUMNS, Proved, Prover, Raw, runs},
    redactions::{Redactions, Target},
    room::Room,
};
use crate::{
    Result,
    model::{
        order::{Linked, topological},
        pdu::EventRef,
    },
    source::{
        database::{Database, quote},
        intake::Intake,
    },
};

/// Events that are asked for in one query.
const TOGETHER: usize = 500;

/// An event that is needed, with the room that needs it.
type Needed = (usize, OwnedEventId);

/// What events rest on, by numbers instead of IDs: a room may have a hundred thousand of them.
#[derive(Default)]
struct Links {
    numbers: HashMap<Needed, usize>,
    /// By number.
    events: Vec<Needed>,
    auth_events: Vec<Vec<usize>>,
}

/// Hands over every event that a room needs and what those rest on, each behind its own auth events.
pub(super) fn read(
    database: &mut Database,
    redactions: &Redactions,
    prover: &mut Prover,
    rooms: &mut [Room],
    to: &Intake,
) -> Result<()> {
    let links = links(database, rooms, to)?;
    for some in order(links).chunks(TOGETHER) {
        let mut found = fetch(database, redactions, rooms, some)?;
        for (room, id) in some {
            match found.remove(&**id) {
                Some(event) => {
                    if let Some(events) = prover.give(event) {
                        pass(events, rooms, to)?;
                    }
                }
                None => {
                    rooms[*room].fail("auth or state event", id, "it is not in the database")?;
                }
            }
        }
    }
    while let Some(events) = prover.rest() {
        pass(events, rooms, to)?;
    }
    Ok(())
}

impl Links {
    fn number(&mut self, event: Needed) -> usize {
        let next = self.events.len();
        let number = *self.numbers.entry(event.clone()).or_insert(next);
        if number == next {
            self.events.push(event);
            self.auth_events.push(Vec::new());
        }
        number
    }
}

/// Follows auth events until nothing new comes. The events themselves are read again later: all of them at once may be
/// too much for the memory.
fn links(database: &mut Database, rooms: &mut [Room], to: &Intake) -> Result<Links> {
    #[derive(Deserialize)]
    struct Event {
        auth_events: Vec<EventRef>,
    }
    let mut links = Links::default();
    for (number, room) in rooms.iter_mut().enumerate() {
        for id in std::mem::take(&mut room.needed) {
            if !room.known.has(&id) {
                links.number((number, id));
            }
        }
    }
    let mut done = 0;
    while done < links.events.len() {
        to.blocking_turn()?;
        let round = done..links.events.len().min(done + TOGETHER);
        done = round.end;
        let mut read = Vec::new();
        let ids = ids(links.events[round.clone()].iter().map(|(_, id)| &**id));
        database.each(
            &format!("SELECT event_id, json FROM event_json WHERE event_id IN ({ids})"),
            &mut |row| {
                let id = row.text(0).and_then(|id| OwnedEventId::try_from(id).ok());
                let event = row.text(1).map(serde_json::from_str::<Event>);
                if let (Some(id), Some(Ok(event))) = (id, event) {
                    read.push((id, event.auth_events));
                }
                Ok(())
            },
        )?;
        let read: HashMap<_, _> = read.into_iter().collect();
        for number in round {
            let (room, id) = &links.events[number];
            let room = *room;
            let Some(auth_events) = read.get(id) else {
                continue;
            };
            let mut numbers = Vec::with_capacity(auth_events.len());
            for event in auth_events {
                if !rooms[room].known.has(event.id()) {
                    numbers.push(links.number((room, event.id().clone())));
                }
            }
            links.auth_events[number] = numbers;
        }
    }
    Ok(links)
}

/// Room after room, each event behind its auth events, and by ID where that leaves a choice.
fn order(links: Links) -> Vec<Needed> {
    let Links {
        numbers,
        events,
        auth_events,
    } = links;
    drop(numbers);
    let mut sorted: Vec<usize> = (0..events.len()).collect();
    sorted.sort_by(|one, other| events[*one].cmp(&events[*other]));
    let mut auth_events: Vec<Option<Vec<usize>>> = auth_events.into_iter().map(Some).collect();
    let linked = sorted.into_iter().map(|number| Linked {
        id: number,
        previous: auth_events[number].take().unwrap_or_default(),
        item: number,
    });
    let mut ordered = topological(linked.collect());
    // Stable: the order within a room stays.
    ordered.sort_by_key(|number| events[*number].0);
    let mut events: Vec<Option<Needed>> = events.into_iter().map(Some).collect();
    ordered
        .into_iter()
        .filter_map(|number| events[number].take())
        .collect()
}

fn fetch(
    database: &mut Database,
    redactions: &Redactions,
    rooms: &[Room],
    events: &[Needed],
) -> Result<HashMap<OwnedEventId, Raw>> {
    let needed_by: HashMap<&str, usize> = events
        .iter()
        .map(|(room, id)| (id.as_str(), *room))
        .collect();
    let mut found = HashMap::with_capacity(events.len());
    let sql = format!(
        "SELECT {COLUMNS} FROM events e LEFT JOIN event_json j ON j.event_id = e.event_id WHERE e.event_id IN ({})",
        ids(events.iter().map(|(_, id)| &**id))
    );
    database.each(&sql, &mut |row| {
        let Some((id, room)) = row.text(0).and_then(|id| {
            let room = needed_by.get(id)?;
            Some((OwnedEventId::try_from(id).ok()?, *room))
        }) else {
            return Ok(());
        };
        let mut event = Raw::of(row, room, true);
        let target = Target {
            event_id: &id,
            room_id: &rooms[room].facts.room_id,
            sender: row.text(5),
            kind: row.text(6),
            stream_ordering: row.int(7).unwrap_or_default(),
        };
        event.redacted_by = redactions.of(&target).map(ToOwned::to_owned);
        event.is_state = rooms[room].current.ids.contains(&id);
        found.insert(id, event);
        Ok(())
    })?;
    Ok(found)
}

fn pass(events: Vec<Proved>, rooms: &mut [Room], to: &Intake) -> Result<()> {
    for (room, events) in runs(events) {
        let room = &mut rooms[room];
        let mut lines = Vec::with_capacity(events.len());
        for event in events {
            if let Some(state) = event.state {
                room.current.take(&room.facts.room_id, state);
            }
            match event.event {
                Ok(repaired) => {
                    to.signed_by(repaired.header.signers());
                    lines.push(repaired.line);
                }
                Err((event, reason)) => room.fail("auth or state event", &event, &reason)?,
            }
        }
        room.events(lines)?;
    }
    to.blocking_turn()
}

fn ids<'a>(ids: impl Iterator<Item = &'a EventId>) -> String {
    ids.map(|id| quote(id.as_str()))
        .collect::<Vec<_>>()
        .join(", ")
}
