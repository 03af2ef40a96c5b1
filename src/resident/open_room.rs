//! A room while it is carried over: its events by ID, its order, and its state at any of them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use indexmap::IndexMap;
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
    events: IndexMap<OwnedEventId, Event>,
    /// The state before an event, by the numbers of its events.
    snapshots: HashMap<OwnedEventId, Vec<usize>>,
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
    /// Events before which the state is known, with the IDs of that state.
    pub snapshots: Vec<(OwnedEventId, Vec<OwnedEventId>)>,
}

impl OpenRoom {
    /// Takes in a room's lines in the bundle's order; unreadable ones are handed back with their reason. What can't
    /// travel as it is comes without its content.
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
            events: IndexMap::new(),
            snapshots: HashMap::new(),
        };
        let mut unreadable = Vec::new();
        for mut line in lines {
            let read = PduHeader::of(&line.pdu).and_then(|header| {
                if !pdu::can_travel(&line.pdu, &room.version) {
                    line.pdu = pdu::emptied(&line.pdu, &line.event_id, &room.version)?;
                }
                Ok(header)
            });
            match read {
                Ok(header) => room.insert(line, header),
                Err(error) => unreadable.push((line.event_id, error)),
            }
        }
        for (event, state) in opening.snapshots {
            let numbers = state.iter().filter_map(|id| room.events.get_index_of(id));
            let numbers = numbers.collect();
            room.snapshots.insert(event, numbers);
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

    /// Takes an event's content away, as a redaction does.
    #[cfg(test)]
    pub(crate) fn spoil(&mut self, event_id: &EventId) {
        let event = self.events.get_mut(event_id).unwrap();
        event.raw = pdu::emptied(&event.raw, event_id, &self.version).unwrap();
    }

    /// The create event's ID, if the room's timeline or state has it.
    #[must_use]
    pub fn create_event(&self) -> Option<&OwnedEventId> {
        self.current_state
            .get(&("m.room.create".to_owned(), String::new()))
    }

    /// The state before an event of the timeline.
    ///
    /// A fold over everything that comes before it in topological order, from the last event on before which the bundle
    /// has the state: exact where the history from there on has no forks, which is where the planner and the target ask
    /// (the beginning of a room).
    #[must_use]
    pub fn state_before(&self, event_id: &EventId) -> Option<StateMap> {
        let position = self.event(event_id)?.position?;
        Some(self.fold(position))
    }

    /// The state after an event of the timeline.
    #[must_use]
    pub fn state_after(&self, event_id: &EventId) -> Option<StateMap> {
        let position = self.event(event_id)?.position?;
        let mut state = self.fold(position);
        if let Some((kind, key)) = self.event(event_id)?.header.state_pair() {
            state.insert((kind.to_owned(), key.to_owned()), event_id.to_owned());
        }
        Some(state)
    }

    /// Its state as it was before an event, if the bundle has it.
    fn snapshot(&self, event_id: &EventId) -> Option<StateMap> {
        let numbers = self.snapshots.get(event_id)?;
        let events = numbers
            .iter()
            .filter_map(|number| self.events.get_index(*number));
        Some(
            events
                .filter_map(|(id, event)| {
                    let (kind, key) = event.header.state_pair()?;
                    Some(((kind.to_owned(), key.to_owned()), id.clone()))
                })
                .collect(),
        )
    }

    /// The state of the timeline's first events, so many; before the next one, where the bundle has that.
    fn fold(&self, end: usize) -> StateMap {
        let mut places = self.timeline.iter().enumerate().take(end + 1).rev();
        let (begin, mut state) = places
            .find_map(|(place, id)| Some((place, self.snapshot(id)?)))
            .unwrap_or_default();
        // A room whose create event is known only as an outlier still has one.
        if let Some(create) = self.create_event() {
            state.insert(("m.room.create".to_owned(), String::new()), create.clone());
        }
        for event_id in self.timeline.iter().take(end).skip(begin) {
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
            JoinPoint::AfterJoin { event_id } | JoinPoint::Oldest { event_id } => {
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
            snapshots: vec![(
                owned_event_id!("$late"),
                vec![owned_event_id!("$create"), owned_event_id!("$topic")],
            )],
        };
        let lines = [
            EventLine {
                outlier: true,
                ..line("$topic", "m.room.topic", Some(""), &[])
            },
            line("$create", "m.room.create", Some(""), &[]),
            line("$join", "m.room.member", Some("@a:x"), &["$create"]),
            line(
                "$power",
                "m.room.power_levels",
                Some(""),
                &["$create", "$gone", "$join"],
            ),
            line("$text", "m.room.message", None, &["$power", "$join"]),
            line("$late", "m.room.name", Some(""), &[]),
            line("$last", "m.room.message", None, &[]),
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
    fn a_state_that_the_bundle_knows_replaces_what_came_before() {
        let room = room(JoinPoint::Current);
        let kinds =
            |state: StateMap| -> Vec<_> { state.into_keys().map(|(kind, _)| kind).collect() };
        let before = |id: &str| {
            kinds(
                room.state_before(&OwnedEventId::try_from(id).unwrap())
                    .unwrap(),
            )
        };
        assert_eq!(
            before("$text"),
            ["m.room.create", "m.room.member", "m.room.power_levels"]
        );
        assert_eq!(before("$late"), ["m.room.create", "m.room.topic"]);
        assert_eq!(
            before("$last"),
            ["m.room.create", "m.room.name", "m.room.topic"]
        );
        let after = room.state_after(&owned_event_id!("$late")).unwrap();
        assert_eq!(kinds(after), before("$last"));
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
        assert_eq!(at(JoinPoint::Current)["prev_events"], json!(["$last"]));
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
