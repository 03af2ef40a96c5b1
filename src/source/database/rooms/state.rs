//! The current state of a stretch of rooms, and their facts.

use std::collections::HashMap;

use ruma::{EventId, OwnedEventId, RoomId, ServerName};

use super::{
    list::Listed,
    redactions::{Redactions, Target},
    room::Room,
    snapshots,
    stretch::within,
};
use crate::{
    Result,
    job::Problem,
    source::{
        database::{Database, Row, quote},
        intake::{Intake, Record, problem},
        room::{
            facts, repair,
            state::{self, ClientEvent, State},
        },
    },
};

/// What [`Found::take`] reads; the condition follows.
const COLUMNS: &str = "SELECT c.room_id, c.event_id, j.json, e.sender, e.type, e.stream_ordering \
     FROM current_state_events c LEFT JOIN events e ON e.event_id = c.event_id \
     LEFT JOIN event_json j ON j.event_id = c.event_id";
/// The same of any events.
const COLUMNS_OF_ANY: &str = "SELECT e.room_id, e.event_id, j.json, e.sender, e.type, e.stream_ordering \
     FROM events e LEFT JOIN event_json j ON j.event_id = e.event_id";
/// Newest events that are looked at together; hardly ever is there a hidden one.
const NEWEST: usize = 100;
/// Events that are asked for in one query.
const TOGETHER: usize = 500;

/// The state of a room.
#[derive(Default)]
struct Found {
    events: Vec<ClientEvent>,
    problems: Vec<Problem>,
    /// Whether the server has more of the room than an invite.
    is_there: bool,
}

impl Found {
    fn is_empty(&self) -> bool {
        self.events.is_empty() && self.problems.is_empty()
    }

    fn take(&mut self, row: &Row<'_>, room: &RoomId, redactions: &Redactions) {
        let Some(event_id) = row.text(1).and_then(|id| <&EventId>::try_from(id).ok()) else {
            return;
        };
        let target = Target {
            event_id,
            room_id: room,
            sender: row.text(3),
            kind: row.text(4),
            stream_ordering: row.int(5).unwrap_or_default(),
        };
        let json = row.text(2).ok_or("the database has no JSON of it");
        let event = json.map_err(str::to_owned).and_then(|json| {
            let raw = serde_json::from_str(json).map_err(|error| error.to_string())?;
            ClientEvent::of(raw, room, Some(event_id.to_owned()))
        });
        match event {
            Ok(event) if redactions.of(&target).is_some() => self.events.push(event.redacted()),
            Ok(event) => self.events.push(event),
            Err(reason) => {
                let reason = format!("{event_id}: {reason}");
                self.problems.push(problem("room state", room, &reason));
            }
        }
    }
}

/// Synapse keeps no current state of a room that all local members have left: it is the state after the last event that
/// it doesn't hide.
fn last_state(
    database: &mut Database,
    room: &RoomId,
    redactions: &Redactions,
    found: &mut Found,
) -> Result<()> {
    let Some(last) = last_event(database, room)? else {
        return Ok(());
    };
    let state: Vec<_> = snapshots::state_after(database, &last)?
        .into_iter()
        .collect();
    for some in state.chunks(TOGETHER) {
        let ids: Vec<_> = some.iter().map(|id| quote(id.as_str())).collect();
        let sql = format!("{COLUMNS_OF_ANY} WHERE e.event_id IN ({})", ids.join(", "));
        database.each(&sql, &mut |row| {
            found.take(row, room, redactions);
            Ok(())
        })?;
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
    let mut found: Vec<Found> = stretch.iter().map(|_| Found::default()).collect();
    let condition = within(database, stretch, "c.room_id");
    let sql = format!("{COLUMNS} WHERE {condition}");
    database.each(&sql, &mut |row| {
        if let Some(place) = row.text(0).and_then(|room| places.get(room)) {
            found[*place].take(row, &stretch[*place].id, redactions);
        }
        Ok(())
    })?;
    if found.iter().any(Found::is_empty) {
        let sql = format!(
            "SELECT DISTINCT room_id FROM events WHERE {} AND outlier = false",
            within(database, stretch, "room_id")
        );
        database.each(&sql, &mut |row| {
            if let Some(place) = row.text(0).and_then(|room| places.get(room)) {
                found[*place].is_there = true;
            }
            Ok(())
        })?;
    }
    for (found, listed) in found.iter_mut().zip(stretch) {
        if !found.is_empty() {
            found.is_there = true;
        } else if found.is_there {
            last_state(database, &listed.id, redactions, found)?;
        }
    }
    let mut rooms = Vec::with_capacity(stretch.len());
    for (listed, found) in stretch.iter().zip(found) {
        let Found {
            events,
            mut problems,
            is_there,
        } = found;
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
        room.is_there = is_there;
        room.record.state = raw_state;
        room.record.memberships = memberships;
        for problem in problems {
            room.put(Record::Problem(problem))?;
        }
        rooms.push(room);
    }
    others(database, stretch, &places, &mut rooms)?;
    Ok(rooms)
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
