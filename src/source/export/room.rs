//! Everything about one room.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::atomic::AtomicU64,
};

use ruma::{OwnedRoomId, OwnedServerName, RoomVersionId};
use serde::Deserialize;

use super::{alone::alone, closure, order, problem, room_facts, state::State, timeline};
use crate::{
    Result,
    bundle::RoomRecord,
    job::{Job, Problem},
    model::{event_line::EventLine, pdu::PduHeader},
    source::admin_api::{Client, ListedRoom},
};

/// A room as it was read.
pub(super) struct Read {
    /// What goes into the bundle.
    pub(super) record: RoomRecord,
    /// The servers that signed its events.
    pub(super) signers: BTreeSet<OwnedServerName>,
    /// What could not be read of it.
    pub(super) problems: Vec<Problem>,
}

/// Reads one room; what can't be read of it becomes a problem.
pub(super) async fn read(
    client: &Client,
    (room_id, listed): (OwnedRoomId, ListedRoom),
    job: &Job,
    events_read: &AtomicU64,
) -> Result<Read> {
    job.check()?;
    let mut problems = Vec::new();
    let id = &room_id;
    let raw_state = alone(client.room_state(id).await, "room state", id, &mut problems)?;
    let state = State::of(id, raw_state.as_deref().unwrap_or_default(), &mut problems);
    let memberships = raw_state
        .is_some()
        .then(|| state.memberships(id, &mut problems));
    let mut room = room_facts::of(id.clone(), &listed, &state);
    let aliases = alone(client.aliases(id).await, "room aliases", id, &mut problems)?;
    let tips = client.forward_extremities(id).await;
    room.forward_extremities =
        alone(tips, "forward extremities", id, &mut problems)?.unwrap_or_default();
    room.blocked =
        alone(client.is_blocked(id).await, "room block", id, &mut problems)?.unwrap_or_default();

    let mut events = Events::default();
    match &room.version {
        Some(version) => {
            events
                .read(client, id, version, &state, job, events_read, &mut problems)
                .await?;
        }
        None => problems.push(problem("room events", id, "its room version is unknown")),
    }
    room.event_count = events.timeline;
    room.history_complete = events.complete;
    Ok(Read {
        record: RoomRecord {
            room,
            state: raw_state,
            memberships,
            aliases: aliases.unwrap_or_default(),
            events: events.lines,
        },
        signers: events.signers,
        problems,
    })
}

/// A room's events in the bundle's order.
#[derive(Default)]
struct Events {
    lines: Vec<EventLine>,
    timeline: u64,
    complete: bool,
    signers: BTreeSet<OwnedServerName>,
}

impl Events {
    #[expect(
        clippy::too_many_arguments,
        reason = "the room's parts and the export's"
    )]
    async fn read(
        &mut self,
        client: &Client,
        room: &ruma::RoomId,
        version: &RoomVersionId,
        state: &State,
        job: &Job,
        events_read: &AtomicU64,
        problems: &mut Vec<Problem>,
    ) -> Result<()> {
        let timeline = timeline::read(client, room, version, job, events_read, problems).await;
        let Some(timeline) = alone(timeline, "room events", room, problems)? else {
            return Ok(());
        };
        let mut known = BTreeSet::new();
        let mut wanted: BTreeSet<_> = state.event_ids().cloned().collect();
        let mut linked = Vec::with_capacity(timeline.len());
        for line in timeline {
            match PduHeader::of(&line.pdu) {
                Ok(header) if known.insert(line.event_id.clone()) => {
                    self.complete |= header.kind == "m.room.create";
                    wanted.extend(header.auth_events.iter().map(|event| event.id().clone()));
                    let previous = header.prev_events.iter().map(|event| event.id().clone());
                    linked.push((line, previous.collect()));
                }
                // Pages overlap when events arrive while they are read.
                Ok(_) => {}
                Err(error) => problems.push(problem("event", &line.event_id, &error)),
            }
        }
        self.timeline = linked.len() as u64;
        self.lines = closure::fetch(client, room, version, known, wanted, job, problems).await?;
        self.lines.extend(order::topological(linked));
        for line in &self.lines {
            self.signers.extend(signers(line));
        }
        Ok(())
    }
}

/// The servers that signed an event.
fn signers(line: &EventLine) -> Vec<OwnedServerName> {
    #[derive(Deserialize)]
    struct Signed {
        #[serde(default)]
        signatures: BTreeMap<OwnedServerName, BTreeMap<String, String>>,
    }
    serde_json::from_str::<Signed>(line.pdu.get())
        .map(|signed| signed.signatures.into_keys().collect())
        .unwrap_or_default()
}
