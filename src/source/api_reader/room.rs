//! Everything about one room.

use std::collections::BTreeSet;

use ruma::{OwnedEventId, OwnedRoomId, RoomVersionId, ServerName};

use super::{
    alone::alone,
    closure::Closure,
    now::{self, Now},
    snapshots, timeline, window,
};
use crate::{
    Result,
    bundle::{RoomRecord, Section},
    model::wanted::History,
    source::{
        admin_api::{Client, Extremity, ListedRoom},
        intake::{Intake, Record, problem},
        room::{
            facts,
            graph::Findings,
            state::{ClientEvent, State},
        },
    },
};

/// Reads one room; what can't be read of it becomes a problem.
pub(super) async fn read(
    client: &Client,
    server_name: &ServerName,
    room_id: OwnedRoomId,
    listed: ListedRoom,
    to: &Intake,
) -> Result<()> {
    to.turn().await?;
    let id = &room_id;
    let aliases = client.aliases(id).await;
    let aliases = alone(aliases, "room aliases", id, to).await?;
    let mut aliases = aliases.unwrap_or_default();
    if !to
        .matcher()
        .room(id, aliases.iter().map(|alias| alias.as_str()))
    {
        return Ok(());
    }
    aliases.sort();
    let Now {
        state: served,
        tips,
        blocked,
    } = now::of(client, id, to).await?;
    let mut problems = Vec::new();
    let state = served.map(|served| {
        let mut events = Vec::with_capacity(served.len());
        for event in &served {
            match ClientEvent::of(event, id, None) {
                Ok(event) => events.push(event),
                Err(reason) => problems.push(problem("room state", id, &reason)),
            }
        }
        State::of(id, events, listed.version.as_deref(), &mut problems)
    });
    let raw_state = state.as_ref().map(State::raw);
    let memberships = state
        .as_ref()
        .map(|state| state.memberships(id, &mut problems));
    let state = state.unwrap_or_default();
    for problem in problems {
        to.send(Record::Problem(problem)).await?;
    }
    let mut room = facts::of(id.clone(), &listed, &state);
    if let Some(memberships) = &memberships {
        // Synapse's own count is missing where its list lacks the room.
        let joined = || memberships.iter().filter(|(_, is)| *is == "join");
        let local = joined().filter(|(user, _)| user.server_name() == server_name);
        room.joined_members = joined().count() as u64;
        room.joined_local_members = local.count() as u64;
    }
    room.forward_extremities = tips.iter().map(|tip| tip.event_id.clone()).collect();
    room.blocked = blocked;

    let mut findings = Findings::default();
    if to.wanted().inventory {
        room.forward_extremities.clear();
    } else if let Some(version) = &room.version {
        let id = (server_name, id);
        if let Some(found) = events(client, id, version, &tips, &state, to).await? {
            findings = found;
        }
    } else {
        let unknown = problem("room events", id, "its room version is unknown");
        to.send(Record::Problem(unknown)).await?;
    }
    room.event_count = findings.events;
    room.history_complete = findings.complete;
    let mark = Record::mark(Section::Rooms, id);
    to.send(Record::Room(Box::new(RoomRecord {
        room,
        state: raw_state,
        memberships,
        aliases,
        disordered: findings.disordered,
    })))
    .await?;
    to.send(mark).await
}

/// The timeline, the state where it has gaps, then the events outside it that all this and the current state rest on.
async fn events(
    client: &Client,
    (server_name, room): (&ServerName, &OwnedRoomId),
    version: &RoomVersionId,
    tips: &[Extremity],
    state: &State,
    to: &Intake,
) -> Result<Option<Findings>> {
    let timeline = async {
        let window = window::of(client, room, tips, to).await?;
        timeline::read(client, room, version, window, to).await
    };
    let Some(graph) = alone(timeline.await, "room events", room, to).await? else {
        return Ok(None);
    };
    let (known, findings) = graph.finish(server_name);
    to.signed_by(findings.signers.iter().cloned());
    let mut wanted: BTreeSet<OwnedEventId> = state.event_ids().cloned().collect();
    wanted.extend(snapshots::read(client, room, &findings.gaps, to).await?);
    wanted.retain(|id| !known.has(id));
    wanted.extend(findings.authorities.iter().cloned());
    let mut closure = Closure::new(client, room, version, &known, wanted);
    if to.wanted().history != History::All {
        closure.by_pages(state.kinds(), to).await?;
    }
    closure.finish(to).await?;
    Ok(Some(findings))
}
