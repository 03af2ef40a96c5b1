//! The timelines of a stretch of rooms.

use std::collections::HashMap;

use super::{
    cuts::Begin,
    event::{COLUMNS, Proved, Prover, Raw, counts, runs},
    list::Listed,
    redactions::{Redactions, Target},
    room::Room,
    stretch::within,
};
use crate::{
    Result,
    job::Problem,
    source::{database::Database, intake::Intake, room::repair},
};

/// Hands over all events that are not outliers, as Synapse orders them; an unreadable one becomes a problem.
pub(super) fn read(
    database: &mut Database,
    stretch: &[Listed],
    redactions: &Redactions,
    begins: &[Begin],
    prover: &mut Prover,
    rooms: &mut [Room],
    to: &Intake,
) -> Result<()> {
    let places: HashMap<&str, usize> = stretch
        .iter()
        .enumerate()
        .map(|(place, room)| (room.id.as_str(), place))
        .collect();
    if begins.iter().any(|begin| *begin != Begin::Never) {
        let sql = sql(database, stretch, begins);
        database.each(&sql, &mut |row| {
            let Some(room) = row.text(4).and_then(|room| places.get(room)).copied() else {
                return Ok(());
            };
            let stream_ordering = row.int(7).unwrap_or_default();
            if !begins[room].has((row.int(8).unwrap_or_default(), stream_ordering)) {
                return Ok(());
            }
            let mut event = Raw::of(row, room, false);
            if let Ok(event_id) = event.event_id.as_str().try_into() {
                let target = Target {
                    event_id,
                    room_id: &stretch[room].id,
                    sender: row.text(5),
                    kind: row.text(6),
                    stream_ordering,
                };
                event.redacted_by = redactions.of(&target).map(ToOwned::to_owned);
                event.is_state = rooms[room].current.ids.contains(event_id);
            }
            prover
                .give(event)
                .map_or(Ok(()), |events| pass(events, rooms, to))
        })?;
        while let Some(events) = prover.rest() {
            pass(events, rooms, to)?;
        }
    }
    Ok(())
}

fn sql(database: &Database, stretch: &[Listed], begins: &[Begin]) -> String {
    let from = match begins {
        // A big room: the rest of it need not be read.
        [Begin::At((topological, stream))] => format!(
            " AND (e.topological_ordering > {topological} \
             OR (e.topological_ordering = {topological} AND e.stream_ordering >= {stream}))"
        ),
        _ => String::new(),
    };
    format!(
        "SELECT {COLUMNS} FROM events e LEFT JOIN event_json j ON j.event_id = e.event_id \
         WHERE {} AND e.outlier = false{from} \
         ORDER BY e.room_id, e.topological_ordering, e.stream_ordering",
        within(database, stretch, "e.room_id")
    )
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
                    let repair::Repaired {
                        mut line,
                        header,
                        doubt,
                    } = repaired;
                    if header.state_key.is_none() && to.is_erased(&header.sender) {
                        let version = room.facts.version.as_ref();
                        if let Some(Err(reason)) =
                            version.map(|version| repair::empty(&mut line, version))
                        {
                            room.fail("event", &line.event_id, &reason)?;
                            continue;
                        }
                    } else if let Some(doubt) = doubt
                        && !to.is_membership_of_erased(&header)
                    {
                        room.fail(Problem::EVENT_CONTENT, &line.event_id, doubt)?;
                    }
                    if !counts(&line) {
                        to.signed_by(header.signers());
                        lines.push(line);
                    } else if room.graph.pass(&line, &header) {
                        lines.push(line);
                    }
                }
                Err((event, reason)) => room.fail("event", &event, &reason)?,
            }
        }
        room.events(lines)?;
    }
    to.blocking_turn()
}
