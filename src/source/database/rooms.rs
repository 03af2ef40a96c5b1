//! All rooms: stretch by stretch of the list, a few queries for each, never one for an event.

mod batches;
mod closure;
mod crew;
mod current;
mod cuts;
mod event;
mod list;
mod outlet;
mod redactions;
mod room;
mod snapshots;
mod standalone_state;
mod state;
mod stretch;
mod timeline;

#[cfg(test)]
mod tests;

use std::{collections::BTreeSet, sync::Arc};

use ruma::{OwnedUserId, ServerName};

use self::{
    crew::Threads,
    event::Prover,
    list::Listed,
    outlet::{Inlet, Outlet},
    redactions::{Layout, Redactions},
    room::Room,
};
use super::Database;
use crate::{
    Result,
    job::Phase,
    source::intake::{Intake, Record, problem},
};

/// Reads all wanted rooms, as [`Reader::rooms`](crate::source::reader::Reader::rooms) says. Blocks.
pub fn read(database: &mut Database, server_name: &ServerName, to: &Intake) -> Result<()> {
    let rooms = list::read(database, to)?;
    to.set_erased(erased(database)?);
    to.begin(Phase::ExportRooms, rooms.len() as u64);
    let threads = Threads::new()?;
    let outlet = Outlet::new(to.clone());
    let layout = Layout::read(database)?;
    let mut reading = Reading {
        layout,
        redactions: Redactions::few(database, layout)?,
        prover: Prover::new(threads.clone()),
        threads,
        database,
        server_name,
        to,
        inlet: outlet.inlet().clone(),
    };
    let mut done = 0;
    for stretch in stretch::split(rooms) {
        let count = stretch.len() as u64;
        reading.stretch(&stretch)?;
        done += count;
        to.done(Phase::ExportRooms, done);
    }
    drop(reading);
    outlet.end()
}

/// Users who are erased.
fn erased(database: &mut Database) -> Result<BTreeSet<OwnedUserId>> {
    let mut erased = BTreeSet::new();
    database.each("SELECT user_id FROM erased_users", &mut |row| {
        erased.extend(
            row.text(0)
                .and_then(|user| OwnedUserId::try_from(user).ok()),
        );
        Ok(())
    })?;
    Ok(erased)
}

struct Reading<'a> {
    database: &'a mut Database,
    server_name: &'a ServerName,
    to: &'a Intake,
    inlet: Inlet,
    layout: Layout,
    /// Those of all rooms, unless they are read with each stretch.
    redactions: Option<Redactions>,
    prover: Prover,
    threads: Threads,
}

impl Reading<'_> {
    fn stretch(&mut self, stretch: &[Listed]) -> Result<()> {
        let Self {
            database,
            server_name,
            to,
            inlet,
            layout,
            redactions,
            prover,
            threads,
        } = self;
        to.blocking_turn()?;
        let of_stretch;
        let redactions = if let Some(all) = redactions {
            all
        } else {
            of_stretch = Redactions::of_rooms(database, *layout, stretch)?;
            &of_stretch
        };
        let mut rooms = state::begin(database, stretch, redactions, threads, inlet, to.wanted())?;
        prover.begin(Arc::new(
            rooms
                .iter()
                .map(|room| (room.facts.room_id.clone(), room.facts.version.clone()))
                .collect(),
        ));
        if to.wanted().inventory {
            let mut rooms = state::finish(database, server_name, stretch, threads, rooms)?;
            for room in &mut rooms {
                room.facts.forward_extremities.clear();
                room.facts.blocked = None;
            }
            return hand_over(rooms, inlet, to);
        }
        let mut begins = cuts::read(database, stretch, to.wanted().history)?;
        for (room, begin) in rooms.iter_mut().zip(&mut begins) {
            if room.is_there && room.facts.version.is_none() {
                let id = room.facts.room_id.clone();
                room.put(Record::Problem(problem(
                    "room events",
                    &id,
                    "its room version is unknown",
                )))?;
            }
            if !room.is_there || room.facts.version.is_none() {
                *begin = cuts::Begin::Never;
                room.needed.clear();
            }
        }
        timeline::read(
            database, stretch, redactions, &begins, prover, &mut rooms, to,
        )?;
        for room in &mut rooms {
            room.timeline_ends(server_name);
        }
        let events = stretch.iter().map(|room| room.events).sum();
        snapshots::read(database, &mut rooms, events)?;
        closure::read(database, redactions, prover, &mut rooms, to)?;
        let rooms = state::finish(database, server_name, stretch, threads, rooms)?;
        hand_over(rooms, inlet, to)
    }
}

fn hand_over(rooms: Vec<Room>, inlet: &Inlet, to: &Intake) -> Result<()> {
    let there = rooms.into_iter().filter(|room| room.is_there);
    inlet.put(there.flat_map(|room| room.end(to)).collect())
}
