//! The current state of a stretch of rooms, and their facts.

use std::collections::HashMap;

use ruma::{OwnedEventId, RoomId, ServerName};

use super::{
    crew::Threads, current::Current, list::Listed, outlet::Inlet, redactions::Redactions,
    room::Room, snapshots, standalone_state, stretch::within,
};
use crate::{
    Result,
    model::wanted::Wanted,
    source::{
        database::{Database, quote},
        intake::Record,
        room::{facts, repair, state::State},
    },
};

/// Newest events that are looked at together; hardly ever is there a hidden one.
const NEWEST: usize = 100;

/// The rooms of a stretch with the IDs of their state events, to which the events themselves are added when they pass
/// by; at once where none will, or where only they tell the room version.
pub(super) fn begin(
    database: &mut Database,
    stretch: &[Listed],
    redactions: &Redactions,
    threads: &Threads,
    inlet: &Inlet,
    wanted: &Wanted,
) -> Result<Vec<Room>> {
    let places = places(stretch);
    let mut rooms: Vec<_> = stretch
        .iter()
        .map(|listed| {
            let facts = facts::of(listed.id.clone(), &listed.notes, &State::default());
            Room::new(facts, (stretch.len() == 1).then(|| inlet.clone()))
        })
        .collect();
    let sql = format!(
        "SELECT room_id, event_id FROM current_state_events WHERE {}",
        within(database, stretch, "room_id")
    );
    database.each(&sql, &mut |row| {
        let place = row.text(0).and_then(|room| places.get(room));
        let id = row.text(1).and_then(|id| OwnedEventId::try_from(id).ok());
        if let (Some(place), Some(id)) = (place, id) {
            rooms[*place].current.ids.insert(id);
        }
        Ok(())
    })?;
    those_left(database, stretch, &places, &mut rooms)?;
    for room in &mut rooms {
        room.needed = room.current.ids.iter().cloned().collect();
    }
    let is_unknown = |room: &Room| room.is_there && room.facts.version.is_none();
    if wanted.inventory || rooms.iter().any(is_unknown) {
        standalone_state::read(database, redactions, threads, &mut rooms)?;
        for (room, listed) in rooms.iter_mut().zip(stretch) {
            let events = std::mem::take(&mut room.current.events);
            let problems = &mut room.current.problems;
            let state = State::of(
                &listed.id,
                events,
                listed.notes.version.as_deref(),
                problems,
            );
            room.facts = facts::of(listed.id.clone(), &listed.notes, &state);
            room.state = Some(state);
        }
    }
    Ok(rooms)
}

fn places(stretch: &[Listed]) -> HashMap<&str, usize> {
    let rooms = stretch.iter().enumerate();
    rooms
        .map(|(place, room)| (room.id.as_str(), place))
        .collect()
}

/// Synapse keeps no current state of a room that all local members have left: it is the state after the last event that
/// it doesn't hide.
fn those_left(
    database: &mut Database,
    stretch: &[Listed],
    places: &HashMap<&str, usize>,
    rooms: &mut [Room],
) -> Result<()> {
    for room in &mut *rooms {
        room.is_there = !room.current.ids.is_empty();
    }
    if rooms.iter().all(|room| room.is_there) {
        return Ok(());
    }
    let sql = format!(
        "SELECT DISTINCT room_id FROM events WHERE {} AND outlier = false",
        within(database, stretch, "room_id")
    );
    let mut left = Vec::new();
    database.each(&sql, &mut |row| {
        if let Some(place) = row.text(0).and_then(|room| places.get(room))
            && !rooms[*place].is_there
        {
            left.push(*place);
        }
        Ok(())
    })?;
    for place in left {
        let room = &mut rooms[place];
        room.is_there = true;
        if let Some(last) = last_event(database, &room.facts.room_id)? {
            room.current.ids = snapshots::state_after(database, &last)?
                .into_iter()
                .collect();
        }
    }
    Ok(())
}

fn last_event(database: &mut Database, room: &RoomId) -> Result<Option<OwnedEventId>> {
    let mut offset = 0;
    loop {
        let mut last = None;
        let rows = database.each(
            &format!(
                "SELECT e.event_id, j.internal_metadata FROM events e JOIN event_json j ON j.event_id = e.event_id \
                 WHERE e.room_id = {} AND e.outlier = false AND e.rejection_reason IS NULL \
                 ORDER BY e.topological_ordering DESC, e.stream_ordering DESC LIMIT {NEWEST} OFFSET {offset}",
                quote(room.as_str())
            ),
            &mut |row| {
                if last.is_none() && !row.text(1).is_some_and(repair::is_soft_failed) {
                    last = row.text(0).and_then(|id| id.try_into().ok());
                }
                Ok(())
            },
        )?;
        if last.is_some() || rows == 0 {
            return Ok(last);
        }
        offset += NEWEST;
    }
}

/// Completes the rooms, when all their events have passed.
pub(super) fn finish(
    database: &mut Database,
    server_name: &ServerName,
    stretch: &[Listed],
    threads: &Threads,
    rooms: Vec<Room>,
) -> Result<Vec<Room>> {
    let all: Vec<_> = stretch.iter().zip(rooms).collect();
    let rooms = threads.each(all, |(listed, room)| finished(server_name, listed, room));
    let mut rooms = rooms.into_iter().collect::<Result<Vec<_>>>()?;
    others(database, stretch, &places(stretch), &mut rooms)?;
    Ok(rooms)
}

fn finished(server_name: &ServerName, listed: &Listed, mut room: Room) -> Result<Room> {
    let Current {
        events,
        mut problems,
        ..
    } = std::mem::take(&mut room.current);
    let id = &listed.id;
    let state = room
        .state
        .take()
        .unwrap_or_else(|| State::of(id, events, listed.notes.version.as_deref(), &mut problems));
    let memberships = state.memberships(id, &mut problems);
    let mut facts = facts::of(id.clone(), &listed.notes, &state);
    let joined = || memberships.iter().filter(|(_, is)| *is == "join");
    let local = joined().filter(|(user, _)| user.server_name() == server_name);
    facts.joined_members = joined().count() as u64;
    facts.joined_local_members = local.count() as u64;
    room.facts = facts;
    room.record.state = state.raw();
    room.record.memberships = memberships;
    for problem in problems {
        room.put(Record::Problem(problem))?;
    }
    Ok(room)
}

/// What other tables tell of a room.
fn others(
    database: &mut Database,
    stretch: &[Listed],
    places: &HashMap<&str, usize>,
    rooms: &mut [Room],
) -> Result<()> {
    let place = |room: Option<&str>| places.get(room?).copied();
    let sql = format!(
        "SELECT room_id, room_alias FROM room_aliases WHERE {}",
        within(database, stretch, "room_id")
    );
    database.each(&sql, &mut |row| {
        if let (Some(place), Some(alias)) = (place(row.text(0)), row.text(1)) {
            let room = &mut rooms[place];
            match alias.try_into() {
                Ok(alias) => room.record.aliases.push(alias),
                Err(error) => {
                    let error: ruma::IdParseError = error;
                    room.fail("room aliases", alias, &error)?;
                }
            }
        }
        Ok(())
    })?;
    // The joins are those of Synapse's `get_forward_extremities_for_room`.
    let sql = format!(
        "SELECT x.room_id, x.event_id FROM event_forward_extremities x \
         JOIN event_to_state_groups g ON g.event_id = x.event_id JOIN events e ON e.event_id = x.event_id WHERE {}",
        within(database, stretch, "x.room_id")
    );
    database.each(&sql, &mut |row| {
        if let Some(place) = place(row.text(0))
            && let Some(id) = row.text(1).and_then(|id| id.try_into().ok())
        {
            rooms[place].facts.forward_extremities.push(id);
        }
        Ok(())
    })?;
    for room in &mut *rooms {
        room.facts.blocked = Some(false);
    }
    let sql = format!(
        "SELECT room_id FROM blocked_rooms WHERE {}",
        within(database, stretch, "room_id")
    );
    database.each(&sql, &mut |row| {
        if let Some(place) = place(row.text(0)) {
            rooms[place].facts.blocked = Some(true);
        }
        Ok(())
    })?;
    for room in rooms {
        room.record.aliases.sort();
        room.facts.forward_extremities.sort();
    }
    Ok(())
}
