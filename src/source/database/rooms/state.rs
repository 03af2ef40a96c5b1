//! The current state of a stretch of rooms, and their facts.

use std::collections::HashMap;

use ruma::{OwnedRoomId, ServerName};

use super::{
    list::Listed,
    redactions::{Redactions, Target},
    room::Room,
    stretch::within,
};
use crate::{
    Result,
    source::{
        database::Database,
        intake::{Intake, problem},
        room::{
            facts,
            state::{self, ClientEvent, State},
        },
    },
};

/// The rooms of a stretch with their state, members and aliases.
pub(super) fn read(
    database: &mut Database,
    server_name: &ServerName,
    stretch: &[Listed],
    redactions: &Redactions,
    to: &Intake,
) -> Result<Vec<Room>> {
    let places: HashMap<&str, usize> = stretch
        .iter()
        .enumerate()
        .map(|(place, room)| (room.id.as_str(), place))
        .collect();
    let (mut events, mut problems) = (Vec::new(), Vec::new());
    for _ in stretch {
        events.push(Vec::new());
        problems.push(Vec::new());
    }
    let sql = format!(
        "SELECT c.room_id, c.event_id, j.json, e.sender, e.type, e.stream_ordering FROM current_state_events c \
         LEFT JOIN events e ON e.event_id = c.event_id LEFT JOIN event_json j ON j.event_id = c.event_id WHERE {}",
        within(database, stretch, "c.room_id")
    );
    database.each(&sql, &mut |row| {
        let (Some(place), Some(event_id)) = (
            row.text(0).and_then(|room| places.get(room)),
            row.text(1).unwrap_or_default().try_into().ok(),
        ) else {
            return Ok(());
        };
        let room = &stretch[*place].id;
        let target = Target {
            event_id,
            room_id: room,
            sender: row.text(3),
            kind: row.text(4),
            stream_ordering: row.int(5).unwrap_or_default(),
        };
        match row.text(2).ok_or_else(|| "the database has no JSON of it".to_owned()).and_then(
            |json| {
                let raw = serde_json::from_str(json).map_err(|error| error.to_string())?;
                ClientEvent::of(raw, room, Some(event_id.to_owned()))
            },
        ) {
            Ok(event) if redactions.of(&target).is_some() => events[*place].push(event.redacted()),
            Ok(event) => events[*place].push(event),
            Err(reason) => problems[*place].push(problem(
                "room state",
                room,
                &format!("{event_id}: {reason}"),
            )),
        }
        Ok(())
    })?;
    let mut rooms = Vec::with_capacity(stretch.len());
    for ((listed, events), mut problems) in stretch.iter().zip(events).zip(problems) {
        let id = &listed.id;
        let version = listed.notes.version.as_deref();
        let raw_state = state::current(id, events, version, &mut problems);
        let state = State::of(id, &raw_state, &mut problems);
        let memberships = state.memberships(id, &mut problems);
        let mut facts = facts::of(id.clone(), &listed.notes, &state);
        let joined = || memberships.iter().filter(|(_, is)| *is == "join");
        let local = joined().filter(|(user, _)| user.server_name() == server_name);
        facts.joined_members = joined().count() as u64;
        facts.joined_local_members = local.count() as u64;
        let mut room = Room::new(facts, (stretch.len() == 1).then(|| to.clone()));
        room.needed = state.event_ids().cloned().collect();
        room.is_there = !raw_state.is_empty() || !problems.is_empty();
        room.record.state = raw_state;
        room.record.memberships = memberships;
        for problem in problems {
            room.put(crate::source::intake::Record::Problem(problem))?;
        }
        rooms.push(room);
    }
    let mut places: HashMap<OwnedRoomId, usize> = HashMap::new();
    for (place, room) in stretch.iter().enumerate() {
        places.insert(room.id.clone(), place);
    }
    others(database, stretch, &places, &mut rooms)?;
    Ok(rooms)
}

/// What other tables tell of a room.
fn others(
    database: &mut Database,
    stretch: &[Listed],
    places: &HashMap<OwnedRoomId, usize>,
    rooms: &mut [Room],
) -> Result<()> {
    let place = |room: Option<&str>| {
        let room: &ruma::RoomId = room?.try_into().ok()?;
        places.get(room).copied()
    };
    if rooms.iter().any(|room| !room.is_there) {
        let sql = format!(
            "SELECT DISTINCT room_id FROM events WHERE {} AND outlier = false",
            within(database, stretch, "room_id")
        );
        database.each(&sql, &mut |row| {
            if let Some(place) = place(row.text(0)) {
                rooms[place].is_there = true;
            }
            Ok(())
        })?;
    }
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
    let sql = format!(
        "SELECT room_id FROM blocked_rooms WHERE {}",
        within(database, stretch, "room_id")
    );
    database.each(&sql, &mut |row| {
        if let Some(place) = place(row.text(0)) {
            rooms[place].facts.blocked = true;
        }
        Ok(())
    })?;
    for room in rooms {
        room.record.aliases.sort();
        room.facts.forward_extremities.sort();
    }
    Ok(())
}
