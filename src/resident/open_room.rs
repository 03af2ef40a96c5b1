//! A room while it is carried over: its events by ID, its order, and its state at any of them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use ruma::{EventId, OwnedEventId, OwnedRoomId, OwnedUserId, RoomVersionId, UserId};
use serde_json::{Value, json, value::RawValue};

use crate::model::{
    event_line::EventLine,
    join_point::JoinPoint,
    pdu::{self, PduError, PduHeader},
};

/// Type and state key to event ID.
pub type StateMap = BTreeMap<(String, String), OwnedEventId>;

/// One event as served: raw bytes and what was read of them.
#[derive(Debug)]
pub struct Event {
    /// The PDU's own bytes.
    pub raw: Box<RawValue>,
    /// Its header.
    pub header: PduHeader,
    /// Position in the timeline; `None` for outliers and refused events.
    pub position: Option<usize>,
}

/// A room of the bundle in memory.
#[derive(Debug)]
pub struct OpenRoom {
    /// The room.
    pub room_id: OwnedRoomId,
    /// Its version.
    pub version: RoomVersionId,
    /// Who joins, and where.
    pub joiner: OwnedUserId,
    /// Where the join happens.
    pub join: JoinPoint,
    /// Tips of the event graph, for a join at the current state.
    pub forward_extremities: Vec<OwnedEventId>,
    /// The complete current state.
    pub current_state: StateMap,
    /// Timeline events in topological order.
    pub timeline: Vec<OwnedEventId>,
    events: HashMap<OwnedEventId, Event>,
}

/// What a room is opened from.
#[derive(Debug)]
pub struct Opening {
    /// The room.
    pub room_id: OwnedRoomId,
    /// Its version.
    pub version: RoomVersionId,
    /// Who joins.
    pub joiner: OwnedUserId,
    /// Where the join happens.
    pub join: JoinPoint,
    /// Tips of the event graph.
    pub forward_extremities: Vec<OwnedEventId>,
    /// The complete current state.
    pub current_state: StateMap,
}

impl OpenRoom {
    /// Takes in a room's lines in the bundle's order; unreadable ones are handed back with their reason.
    pub fn new(
        opening: Opening,
        lines: impl IntoIterator<Item = EventLine>,
    ) -> (Self, Vec<(OwnedEventId, PduError)>) {
        let mut room = Self {
            room_id: opening.room_id,
            version: opening.version,
            joiner: opening.joiner,
            join: opening.join,
            forward_extremities: opening.forward_extremities,
            current_state: opening.current_state,
            timeline: Vec::new(),
            events: HashMap::new(),
        };
        let mut unreadable = Vec::new();
        for line in lines {
            match PduHeader::of(&line.pdu) {
                Ok(header) => room.insert(line, header),
                Err(error) => unreadable.push((line.event_id, error)),
            }
        }
        (room, unreadable)
    }

    fn insert(&mut self, line: EventLine, header: PduHeader) {
        let in_timeline = line.is_in_timeline();
        let position = in_timeline.then_some(self.timeline.len());
        if in_timeline {
            self.timeline.push(line.event_id.clone());
        }
        self.events.insert(
            line.event_id,
            Event {
                raw: line.pdu,
                header,
                position,
            },
        );
    }

    /// An event of this room.
    #[must_use]
    pub fn event(&self, event_id: &EventId) -> Option<&Event> {
        self.events.get(event_id)
    }

    /// The create event's ID, if the room's timeline or state has it.
    #[must_use]
    pub fn create_event(&self) -> Option<&OwnedEventId> {
        self.current_state
            .get(&("m.room.create".to_owned(), String::new()))
    }

    /// The state before an event of the timeline.
    ///
    /// A fold over everything that comes before it in topological order: exact where the history up to there has no
    /// forks, which is where the planner and the target ask (the beginning of a room).
    #[must_use]
    pub fn state_before(&self, event_id: &EventId) -> Option<StateMap> {
        let position = self.event(event_id)?.position?;
        Some(self.fold(position))
    }

    /// The state after an event of the timeline.
    #[must_use]
    pub fn state_after(&self, event_id: &EventId) -> Option<StateMap> {
        let position = self.event(event_id)?.position?;
        Some(self.fold(position + 1))
    }

    fn fold(&self, end: usize) -> StateMap {
        let mut state = StateMap::new();
        // A room whose create event is known only as an outlier still has one.
        if let Some(create) = self.create_event() {
            state.insert(("m.room.create".to_owned(), String::new()), create.clone());
        }
        for event_id in self.timeline.iter().take(end) {
            if let Some((kind, key)) = self
                .event(event_id)
                .and_then(|event| event.header.state_pair())
            {
                state.insert((kind.to_owned(), key.to_owned()), event_id.clone());
            }
        }
        state
    }

    /// The events that the join follows, and the state there.
    #[must_use]
    pub fn join_point(&self) -> Option<(Vec<OwnedEventId>, StateMap)> {
        match &self.join {
            JoinPoint::Create { event_id } => Some((
                vec![event_id.clone()],
                StateMap::from([(
                    ("m.room.create".to_owned(), String::new()),
                    event_id.clone(),
                )]),
            )),
            JoinPoint::AfterJoin { event_id } => {
                Some((vec![event_id.clone()], self.state_after(event_id)?))
            }
            JoinPoint::Current => {
                let tips = if self.forward_extremities.is_empty() {
                    vec![self.timeline.last()?.clone()]
                } else {
                    self.forward_extremities.clone()
                };
                Some((tips, self.current_state.clone()))
            }
        }
    }

    /// The join event's template for `make_join`, with every field that 1.4.6 takes over unseen.
    ///
    /// Source: server-server API, "Joining rooms"; the selection of `auth_events` as in "Auth events selection".
    #[must_use]
    pub fn join_template(&self, user: &UserId, resident: &str, now_ms: u64) -> Option<Value> {
        let (prev_events, state) = self.join_point()?;
        let depth = prev_events
            .iter()
            .filter_map(|id| self.event(id))
            .map(|event| event.header.depth)
            .max()?;
        let mut wanted = vec![
            ("m.room.power_levels".to_owned(), String::new()),
            ("m.room.join_rules".to_owned(), String::new()),
            ("m.room.member".to_owned(), user.to_string()),
        ];
        let create_is_named = pdu::rules(&self.version)
            .is_ok_and(|rules| !rules.authorization.room_create_event_id_as_room_id);
        if create_is_named {
            wanted.push(("m.room.create".to_owned(), String::new()));
        }
        let auth_events: Vec<_> = wanted.iter().filter_map(|pair| state.get(pair)).collect();
        Some(json!({
            "type": "m.room.member",
            "state_key": user,
            "sender": user,
            "room_id": self.room_id,
            "content": { "membership": "join" },
            "origin": resident,
            "origin_server_ts": now_ms,
            "depth": depth + 1,
            "prev_events": self.references(&prev_events),
            "auth_events": self.references(auth_events),
        }))
    }

    /// Events as others name them: by ID, in versions 1 and 2 with the reference hash that later versions have as ID.
    fn references<'a>(&self, ids: impl IntoIterator<Item = &'a OwnedEventId>) -> Vec<Value> {
        let with_hash = matches!(self.version, RoomVersionId::V1 | RoomVersionId::V2);
        let hash = |id| {
            let hash = pdu::reference_hash(&self.event(id)?.raw, &self.version).ok()?;
            Some(("sha256", hash))
        };
        ids.into_iter()
            .map(|id| {
                if with_hash {
                    json!([id, hash(id).into_iter().collect::<BTreeMap<_, _>>()])
                } else {
                    json!(id)
                }
            })
            .collect()
    }

    /// The auth chains of some events, the events themselves not included unless they are in each other's chain.
    #[must_use]
    pub fn auth_chain<'a>(
        &'a self,
        of: impl IntoIterator<Item = &'a OwnedEventId>,
    ) -> BTreeSet<OwnedEventId> {
        let mut chain = BTreeSet::new();
        let mut todo: Vec<&OwnedEventId> = of.into_iter().collect();
        // In version 12 the create event authorises everything without being named.
        if let Some(create) = self.create_event() {
            chain.insert(create.clone());
        }
        while let Some(id) = todo.pop() {
            // What the export could not get is missing here, too; the rest of the chain is not.
            let Some(event) = self.event(id) else {
                continue;
            };
            for auth in &event.header.auth_events {
                if chain.insert(auth.id().clone()) {
                    todo.push(auth.id());
                }
            }
        }
        chain
    }

    /// The raw PDUs of some events, those that are there.
    #[must_use]
    pub fn pdus<'a>(
        &'a self,
        ids: impl IntoIterator<Item = &'a OwnedEventId>,
    ) -> Vec<&'a RawValue> {
        ids.into_iter()
            .filter_map(|id| self.event(id))
            .map(|event| &*event.raw)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use ruma::{owned_event_id, owned_room_id, owned_user_id};
    use serde_json::value::to_raw_value;

    use super::*;

    fn line(id: &str, kind: &str, key: Option<&str>, auth: &[&str]) -> EventLine {
        let mut pdu = json!({
            "type": kind, "sender": "@a:x", "origin_server_ts": 1, "depth": 1,
            "prev_events": [], "auth_events": auth, "content": {},
        });
        if let Some(key) = key {
            pdu["state_key"] = key.into();
        }
        EventLine {
            room_id: owned_room_id!("!r:x"),
            event_id: id.try_into().unwrap(),
            outlier: false,
            rejected: false,
            soft_failed: false,
            redacted_by: None,
            ts: None,
            pdu: to_raw_value(&pdu).unwrap(),
        }
    }

    fn room(join: JoinPoint) -> OpenRoom {
        let create = ("m.room.create".to_owned(), String::new());
        let opening = Opening {
            room_id: owned_room_id!("!r:x"),
            version: RoomVersionId::V10,
            joiner: owned_user_id!("@a:x"),
            join,
            forward_extremities: Vec::new(),
            current_state: StateMap::from([(create, owned_event_id!("$create"))]),
        };
        let lines = [
            line("$create", "m.room.create", Some(""), &[]),
            line("$join", "m.room.member", Some("@a:x"), &["$create"]),
            line(
                "$power",
                "m.room.power_levels",
                Some(""),
                &["$create", "$gone", "$join"],
            ),
            line("$text", "m.room.message", None, &["$power", "$join"]),
        ];
        OpenRoom::new(opening, lines).0
    }

    #[test]
    fn an_absent_event_does_not_cut_an_auth_chain() {
        let room = room(JoinPoint::Current);
        let chain = room.auth_chain([&owned_event_id!("$text")]);
        for id in ["$power", "$join", "$create", "$gone"] {
            assert!(chain.iter().any(|there| there == id), "{id} in {chain:?}");
        }
        assert_eq!(room.pdus(&chain).len(), 3);
    }

    #[test]
    fn the_state_is_that_before_or_after_an_event() {
        let room = room(JoinPoint::Current);
        assert_eq!(
            room.state_before(&owned_event_id!("$power")).unwrap().len(),
            2
        );
        assert_eq!(
            room.state_after(&owned_event_id!("$power")).unwrap().len(),
            3
        );
        assert!(room.state_before(&owned_event_id!("$unknown")).is_none());
    }

    #[test]
    fn a_template_names_where_it_joins_and_what_allows_it() {
        let at = |join| {
            room(join)
                .join_template(&owned_user_id!("@a:x"), "x:1", 5)
                .unwrap()
        };
        let create = at(JoinPoint::Create {
            event_id: owned_event_id!("$create"),
        });
        assert_eq!(create["prev_events"], json!(["$create"]));
        assert_eq!(create["auth_events"], json!(["$create"]));
        let later = at(JoinPoint::AfterJoin {
            event_id: owned_event_id!("$power"),
        });
        assert_eq!(later["prev_events"], json!(["$power"]));
        assert_eq!(later["auth_events"], json!(["$power", "$join", "$create"]));
        assert_eq!(at(JoinPoint::Current)["prev_events"], json!(["$text"]));
    }

    #[test]
    fn in_the_first_versions_a_template_names_events_with_their_hashes() {
        let mut room = room(JoinPoint::Current);
        room.version = RoomVersionId::V2;
        room.forward_extremities = vec![owned_event_id!("$join")];
        let template = room
            .join_template(&owned_user_id!("@b:y"), "x:1", 5)
            .unwrap();
        let hash = pdu::reference_hash(
            &room.event(&owned_event_id!("$join")).unwrap().raw,
            &RoomVersionId::V2,
        )
        .unwrap();
        assert_eq!(
            template["prev_events"],
            json!([["$join", { "sha256": hash }]])
        );
        assert_eq!(template["auth_events"][0][0], "$create");
    }
}
