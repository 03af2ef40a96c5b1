//! Events that can't be on the target what they were on the source, or not where they were. No I/O.

use std::collections::BTreeMap;

use ruma::{EventId, OwnedEventId, RoomVersionId};
use serde_json::value::RawValue;

use super::{
    compare::Edge,
    plan::{JoinPoint, RoomAction, RoomPlan},
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

/// Whether the target has an event from the join and won't take it once more, so that it is no part of the timeline
/// there: a create event that doesn't name its room (version 12), and state without its content that is not younger than
/// the join point. Tuwunel takes an event without its content only if it doesn't have it yet.
#[must_use]
pub fn comes_with_the_join(
    header: &PduHeader,
    pdu: &RawValue,
    version: &RoomVersionId,
    is_younger: bool,
) -> bool {
    let is_create = header.state_pair() == Some(("m.room.create", ""));
    is_create && is_nameless(version)
        || header.state_key.is_some() && !is_younger && pdu::is_emptied(pdu, version)
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
    pub fn pass(&mut self, id: &EventId, header: &PduHeader) {
        let ts = header.origin_server_ts;
        let first = *self.first.get_or_insert(ts);
        let oldest = self.oldest.as_ref().map_or(first, |(oldest, _)| *oldest);
        // A state event that came this way would be no state of the room.
        if ts < oldest && header.state_key.is_none() {
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
            RoomAction::Carry { join, .. } => match join {
                JoinPoint::Create { event_id }
                | JoinPoint::AfterJoin { event_id }
                | JoinPoint::Oldest { event_id } => Some(&**event_id),
                JoinPoint::Current => None,
            },
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
        let in_the_join = comes_with_the_join(header, &line.pdu, version, is_younger);
        let edge = if in_the_join {
            Some(Edge::InTheJoin)
        } else {
            (!pdu::can_travel(&line.pdu, version)).then_some(Edge::Empty)
        };
        if let Some(edge) = edge {
            self.found.insert(line.event_id.clone(), edge);
        }
        if !in_the_join {
            self.clock.pass(&line.event_id, header);
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
