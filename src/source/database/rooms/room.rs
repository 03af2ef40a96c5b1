//! One room while it is read.

use std::collections::BTreeSet;

use ruma::{OwnedEventId, OwnedUserId, ServerName};
use serde_json::value::RawValue;

use super::{current::Current, outlet::Inlet};
use crate::{
    Result,
    bundle::RoomRecord,
    model::{event_line::EventLine, room},
    source::{
        intake::{Intake, Record, problem},
        room::{
            graph::{Findings, Graph, Known},
            state::State,
        },
    },
};

/// What is known of a room so far.
pub(super) struct Room {
    pub(super) facts: room::Room,
    pub(super) record: Facts,
    /// Its state, as far as the events have passed.
    pub(super) current: Current,
    /// The same, where it was read at once.
    pub(super) state: Option<State>,
    /// Events outside the timeline that it needs.
    pub(super) needed: BTreeSet<OwnedEventId>,
    pub(super) graph: Graph,
    /// What the timeline has, when it has passed by.
    pub(super) known: Known,
    pub(super) findings: Findings,
    /// Whether the server has more of it than an invite.
    pub(super) is_there: bool,
    out: Out,
}

/// What [`RoomRecord`] holds beside the facts.
#[derive(Default)]
pub(super) struct Facts {
    pub(super) state: Vec<Box<RawValue>>,
    pub(super) memberships: std::collections::BTreeMap<OwnedUserId, String>,
    pub(super) aliases: Vec<ruma::OwnedRoomAliasId>,
}

/// Where a room's records go.
enum Out {
    /// A room that is alone in its stretch: at once.
    Through(Inlet),
    /// Rooms are read together, but handed over one after the other.
    Held(Vec<Record>),
}

impl Room {
    pub(super) fn new(facts: room::Room, alone: Option<Inlet>) -> Self {
        Self {
            facts,
            record: Facts::default(),
            current: Current::default(),
            state: None,
            needed: BTreeSet::new(),
            graph: Graph::default(),
            known: Known::default(),
            findings: Findings::default(),
            is_there: false,
            out: alone.map_or_else(|| Out::Held(Vec::new()), Out::Through),
        }
    }

    /// The next record of this room.
    pub(super) fn put(&mut self, record: Record) -> Result<()> {
        match &mut self.out {
            Out::Through(inlet) => inlet.put(vec![record]),
            Out::Held(records) => {
                records.push(record);
                Ok(())
            }
        }
    }

    /// Something of it that could not be read.
    pub(super) fn fail(
        &mut self,
        step: &str,
        subject: &(impl ToString + ?Sized),
        reason: &(impl ToString + ?Sized),
    ) -> Result<()> {
        self.put(Record::Problem(problem(step, subject, reason)))
    }

    /// Some events.
    pub(super) fn events(&mut self, lines: Vec<EventLine>) -> Result<()> {
        if lines.is_empty() {
            return Ok(());
        }
        self.put(Record::Events(lines))
    }

    /// The timeline's end.
    pub(super) fn timeline_ends(&mut self, server_name: &ServerName) {
        let (known, findings) = std::mem::take(&mut self.graph).finish(server_name);
        self.needed.extend(findings.authorities.iter().cloned());
        self.known = known;
        self.findings = findings;
    }

    /// The room's last records, after those that went through.
    pub(super) fn end(self, to: &Intake) -> Vec<Record> {
        to.signed_by(self.findings.signers);
        let mut room = self.facts;
        room.event_count = self.findings.events;
        room.history_complete = self.findings.complete;
        let mut records = match self.out {
            Out::Held(records) => records,
            Out::Through(_) => Vec::new(),
        };
        records.push(Record::Room(Box::new(RoomRecord {
            room,
            state: Some(self.record.state),
            memberships: Some(self.record.memberships),
            aliases: self.record.aliases,
            disordered: self.findings.disordered,
        })));
        records
    }
}
