//! Events that can't be on the target what they were on the source, or not where they were. No I/O.

use std::collections::{BTreeMap, HashMap};

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
    /// State that comes with the join if nothing replaces it until then, and whether it can travel.
    in_the_join: HashMap<(String, String), (OwnedEventId, bool)>,
}

/// State that other events rest on: replaced or not, it may come with the join.
const RESTED_ON: [&str; 5] = [
    "m.room.create",
    "m.room.member",
    "m.room.power_levels",
    "m.room.join_rules",
    "m.room.third_party_invite",
];

impl<'a> Edges<'a> {
    pub(super) fn of(plan: &'a RoomPlan) -> Self {
        let join = match &plan.action {
            RoomAction::Carry { join, .. } => join.event_id(),
            _ => None,
        };
        Self {
            version: plan.version.as_ref(),
            join,
            clock: Clock::default(),
            found: BTreeMap::new(),
            in_the_join: HashMap::new(),
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
        let travels = pdu::can_travel(&line.pdu, version);
        let in_the_join = is_nameless_create(version, header.state_pair())
            || is_state && !is_younger && (!travels || pdu::is_emptied(&line.pdu, version));
        if let Some((kind, key)) = header.state_pair()
            && !is_younger
        {
            let pair = (kind.to_owned(), key.to_owned());
            if let Some((replaced, travelled)) = self.in_the_join.remove(&pair) {
                self.is_replaced(kind, replaced, travelled);
            }
            if in_the_join {
                self.in_the_join
                    .insert(pair, (line.event_id.clone(), travels));
            }
        }
        let edge = if in_the_join {
            Some(Edge::InTheJoin)
        } else {
            (!travels).then_some(Edge::Empty)
        };
        if let Some(edge) = edge {
            self.found.insert(line.event_id.clone(), edge);
        }
        if !in_the_join {
            self.clock
                .pass(&line.event_id, header.origin_server_ts, is_state);
        }
    }

    /// State that was replaced before the join does not come with it, unless other events rest on it.
    fn is_replaced(&mut self, kind: &str, id: OwnedEventId, travels: bool) {
        if RESTED_ON.contains(&kind) {
            return;
        }
        if travels {
            self.found.remove(&id);
        } else {
            self.found.insert(id, Edge::Empty);
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

#[cfg(test)]
mod tests {
    use ruma::{owned_event_id, owned_room_id, owned_user_id};
    use serde_json::{Value, json, value::to_raw_value};

    use super::*;
    use crate::model::join_point::JoinPoint;

    /// The edges of a timeline of `(id, type, time, content)`, joined after `$1`; an event whose ID ends with `r` was
    /// redacted, and state is what is no message.
    fn edges(version: RoomVersionId, events: &[(&str, &str, u64, Value)]) -> Vec<(String, Edge)> {
        let plan = RoomPlan {
            room_id: owned_room_id!("!r:x"),
            name: "Room".to_owned(),
            version: Some(version),
            events: 0,
            members: 1,
            action: RoomAction::Carry {
                joiner: owned_user_id!("@a:x"),
                join: JoinPoint::AfterJoin {
                    event_id: owned_event_id!("$1"),
                },
            },
        };
        let mut edges = Edges::of(&plan);
        for (id, kind, ts, content) in events {
            let mut pdu = json!({
                "type": kind, "sender": "@a:x", "origin_server_ts": ts, "depth": 1, "prev_events": [], "auth_events": [],
                "content": content,
            });
            if *kind != "m.room.message" {
                pdu["state_key"] = json!("");
            }
            if content.get("odd").is_none() {
                pdu = pdu::hashed(pdu);
            }
            if id.ends_with('r') {
                pdu["content"] = json!({});
            }
            let line = EventLine {
                room_id: owned_room_id!("!r:x"),
                event_id: OwnedEventId::try_from(*id).unwrap(),
                outlier: false,
                rejected: false,
                soft_failed: false,
                redacted_by: None,
                ts: None,
                pdu: to_raw_value(&pdu).unwrap(),
            };
            edges.pass(&line, &PduHeader::of(&line.pdu).unwrap());
        }
        let found = edges.end().into_iter();
        found.map(|(id, edge)| (id.to_string(), edge)).collect()
    }

    #[test]
    fn only_what_is_not_younger_than_the_join_comes_with_it() {
        let (whole, odd) = (json!({ "a": 1 }), json!({ "odd": 1.5 }));
        let rules = "m.room.join_rules";
        let found = edges(
            RoomVersionId::V5,
            &[
                ("$0r", rules, 1, whole.clone()),
                ("$0s", "m.room.message", 2, odd.clone()),
                ("$0t", rules, 3, odd.clone()),
                ("$1", rules, 4, whole.clone()),
                ("$2r", rules, 5, whole),
                ("$2t", rules, 6, odd),
            ],
        );
        let found: Vec<_> = found
            .iter()
            .map(|(id, edge)| (id.as_str(), *edge))
            .collect();
        assert_eq!(
            found,
            [
                ("$0r", Edge::InTheJoin),
                ("$0s", Edge::Empty),
                ("$0t", Edge::InTheJoin),
                ("$2t", Edge::Empty)
            ]
        );
    }

    #[test]
    fn what_was_replaced_before_the_join_does_not_come_with_it() {
        let (whole, odd) = (json!({ "a": 1 }), json!({ "odd": 1.5 }));
        let (topic, name) = ("m.room.topic", "m.room.name");
        let found = edges(
            RoomVersionId::V5,
            &[
                ("$0r", topic, 1, whole.clone()),
                ("$0s", topic, 2, odd),
                ("$0tr", name, 3, whole.clone()),
                ("$1", topic, 4, whole.clone()),
                ("$2", name, 5, whole),
            ],
        );
        assert_eq!(
            found,
            [
                ("$0s".to_owned(), Edge::Empty),
                ("$0tr".to_owned(), Edge::InTheJoin)
            ]
        );
    }

    #[test]
    fn the_oldest_by_its_clock_stands_first_if_nothing_else_is_before_it() {
        let said = |id, ts| (id, "m.room.message", ts, json!({ "body": id }));
        let create = ("$0", "m.room.create", 5, json!({ "creator": "@a:x" }));
        let state = (
            "$2",
            "m.room.topic",
            1,
            json!({ "topic": "older, but state" }),
        );
        let events = [
            create.clone(),
            said("$1", 6),
            state,
            said("$3", 3),
            said("$4", 2),
        ];
        assert_eq!(
            edges(RoomVersionId::V10, &events),
            [("$4".to_owned(), Edge::First)]
        );
        // From version 12 on, the create event is no part of the timeline that the target has.
        assert_eq!(
            edges(RoomVersionId::V12, &[create, said("$1", 6), said("$3", 5)]),
            [
                ("$0".to_owned(), Edge::InTheJoin),
                ("$3".to_owned(), Edge::First)
            ]
        );
    }
}
