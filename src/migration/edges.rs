//! Events that can't be on the target what they were on the source, or not where they were. No I/O.

use std::collections::BTreeMap;

use ruma::{EventId, OwnedEventId, RoomVersionId};

use super::{
    compare::Edge,
    plan::{RoomAction, RoomPlan},
};
use crate::model::{
    event_line::EventLine,
    pdu::{self, PduHeader},
};

/// Whether create events of this version don't name their room, so that they can't travel alone.
#[must_use]
pub fn is_nameless(version: &RoomVersionId) -> bool {
    pdu::rules(version).is_ok_and(|rules| rules.authorization.room_create_event_id_as_room_id)
}

/// Whether a state event, of this type and state key, is a create event that doesn't name its room.
#[must_use]
pub fn is_nameless_create(version: &RoomVersionId, state_pair: Option<(&str, &str)>) -> bool {
    state_pair == Some(("m.room.create", "")) && is_nameless(version)
}

/// The oldest event by its own clock, if it claims to be older than the first one: bridges know when something was said
/// elsewhere. The target takes such an event only as its first one.
#[derive(Debug, Default)]
pub struct Clock {
    first: Option<u64>,
    oldest: Option<(u64, OwnedEventId)>,
}

impl Clock {
    /// The next event of the timeline.
    pub fn pass(&mut self, id: &EventId, ts: u64, is_state: bool) {
        let first = *self.first.get_or_insert(ts);
        let oldest = self.oldest.as_ref().map_or(first, |(oldest, _)| *oldest);
        // A state event that came this way would be no state of the room.
        if ts < oldest && !is_state {
            self.oldest = Some((ts, id.to_owned()));
        }
    }

    /// When all have passed.
    #[must_use]
    pub fn ahead_of_its_place(self) -> Option<OwnedEventId> {
        self.oldest.map(|(_, id)| id)
    }
}

/// The edges of a room, found while its timeline passes by.
#[derive(Debug)]
pub(super) struct Edges<'a> {
    version: Option<&'a RoomVersionId>,
    /// Where the join is, until it has passed.
    join: Option<&'a EventId>,
    clock: Clock,
    found: BTreeMap<OwnedEventId, Edge>,
}

impl<'a> Edges<'a> {
    pub(super) fn of(plan: &'a RoomPlan) -> Self {
        let join = match &plan.action {
            RoomAction::Carry { join, .. } => join.event_id(),
            RoomAction::Skip { .. } | RoomAction::Unreadable { .. } => None,
        };
        Self {
            version: plan.version.as_ref(),
            join,
            clock: Clock::default(),
            found: BTreeMap::new(),
        }
    }

    /// The next event of the timeline.
    pub(super) fn pass(&mut self, line: &EventLine, header: &PduHeader) {
        let Some(version) = self.version else {
            return;
        };
        let is_younger = self.join.is_none();
        if self.join == Some(&*line.event_id) {
            self.join = None;
        }
        let is_state = header.state_key.is_some();
        let in_the_join = is_nameless_create(version, header.state_pair())
            || is_state && !is_younger && pdu::is_emptied(&line.pdu, version);
        let edge = if in_the_join {
            Some(Edge::InTheJoin)
        } else {
            (!pdu::can_travel(&line.pdu, version)).then_some(Edge::Empty)
        };
        if let Some(edge) = edge {
            self.found.insert(line.event_id.clone(), edge);
        }
        if !in_the_join {
            self.clock
                .pass(&line.event_id, header.origin_server_ts, is_state);
        }
    }

    /// When all have passed.
    pub(super) fn end(mut self) -> BTreeMap<OwnedEventId, Edge> {
        if let Some(id) = self.clock.ahead_of_its_place() {
            self.found.entry(id).or_insert(Edge::First);
        }
        self.found
    }
}
