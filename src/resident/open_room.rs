//! A room while it is carried over: its events by ID, its order, and its state at any of them.
//!
//! PDUs are on the disk; of each event a few hundred bytes are in memory.

mod taking;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    path::Path,
    sync::{
        OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};

use indexmap::IndexSet;
use ruma::{EventId, OwnedEventId, OwnedRoomId, OwnedUserId, RoomVersionId, UserId};
use serde_json::{Value, json, value::RawValue};

use self::taking::Taking;
use super::pdu_file::{PduFile, Place};
use crate::{
    Error, Result,
    model::{
        event_line::EventLine,
        join_point::JoinPoint,
        pdu::{self, PduError},
    },
};

/// Type and state key to event ID.
pub type StateMap = BTreeMap<(String, String), OwnedEventId>;

/// What is known of an event.
#[derive(Debug)]
pub struct Event {
    /// Milliseconds since the Unix epoch, as the sender's server said.
    pub origin_server_ts: u64,
    /// Distance from the create event, as the sender's server said.
    pub depth: u64,
    /// Position in the timeline; `None` for outliers and refused events.
    pub position: Option<usize>,
    /// Whether it names the event before it in the timeline as its predecessor.
    pub follows: bool,
    /// Whether it is state that is not younger than the join and has lost its content. Of younger events nobody asks.
    pub is_emptied: bool,
    state: Option<(String, String)>,
    auth_events: Box<[usize]>,
    pdu: Place,
}

impl Event {
    /// Type and state key, if it is a state event.
    #[must_use]
    pub fn state_pair(&self) -> Option<(&str, &str)> {
        let (kind, key) = self.state.as_ref()?;
        Some((kind, key))
    }

    /// Bytes of its PDU.
    #[must_use]
    pub fn length(&self) -> usize {
        self.pdu.length()
    }
}

/// A room of the bundle.
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
    /// Every event that is there or named by one: its place is its number.
    ids: IndexSet<OwnedEventId>,
    /// By number; nothing where an event is only named.
    events: Vec<Option<Event>>,
    /// Timeline events in the order of the replay, which is a topological one, by number.
    timeline: Vec<usize>,
    /// The state before an event, by the numbers of its events.
    snapshots: HashMap<OwnedEventId, Vec<usize>>,
    pdus: PduFile,
    /// What the join brings, once it was asked for.
    in_the_join: OnceLock<BTreeSet<OwnedEventId>>,
    tells_current_state: AtomicBool,
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
    /// Takes in a room's lines in the bundle's order, and writes them into the private folder `dir`; unreadable ones are
    /// handed back with their reason. What can't travel as it is comes without its content.
    pub fn new(
        opening: Opening,
        lines: impl IntoIterator<Item = Result<EventLine>>,
        dir: &Path,
    ) -> Result<(Self, Vec<(OwnedEventId, PduError)>)> {
        let mut taking = Taking::new(&opening, dir)?;
        for line in lines {
            taking.take(line?).map_err(Error::file(dir))?;
        }
        let Taking {
            ids,
            mut events,
            timeline,
            links,
            pdus,
            unreadable,
            ..
        } = taking;
        let join = opening.join.event_id();
        let joined_at = join.and_then(|id| events[ids.get_index_of(id)?].as_ref()?.position);
        let replay = links.replay(joined_at.map_or(0, |position| position + 1));
        let timeline: Vec<usize> = replay
            .order
            .iter()
            .map(|place| timeline[*place as usize])
            .collect();
        for (place, number) in timeline.iter().enumerate() {
            if let Some(event) = &mut events[*number] {
                event.position = Some(place);
                event.follows = replay.follows[place];
            }
        }
        let mut room = Self {
            ids,
            events,
            timeline,
            snapshots: HashMap::new(),
            pdus: pdus.finish().map_err(Error::file(dir))?,
            in_the_join: OnceLock::new(),
            tells_current_state: AtomicBool::new(false),
            room_id: opening.room_id,
            version: opening.version,
            joiner: opening.joiner,
            join: opening.join,
            forward_extremities: opening.forward_extremities,
            current_state: opening.current_state,
        };
        for (event, state) in opening.snapshots {
            let numbers = state.iter().filter_map(|id| room.ids.get_index_of(id));
            let numbers = numbers.collect();
            room.snapshots.insert(event, numbers);
        }
        Ok((room, unreadable))
    }

    /// Timeline events in the order of the replay: every event after those that it follows ([`Links::replay`]).
    ///
    /// [`Links::replay`]: crate::model::forks::Links::replay
    #[must_use]
    pub fn timeline(&self) -> impl ExactSizeIterator<Item = &OwnedEventId> + DoubleEndedIterator {
        self.timeline.iter().map(|number| &self.ids[*number])
    }

    /// An event of this room.
    #[must_use]
    pub fn event(&self, event_id: &EventId) -> Option<&Event> {
        self.numbered(self.ids.get_index_of(event_id)?)
    }

    fn numbered(&self, number: usize) -> Option<&Event> {
        self.events.get(number)?.as_ref()
    }

    /// An event's own bytes.
    pub fn pdu(&self, event_id: &EventId) -> Result<Option<Box<RawValue>>> {
        let read = |event: &Event| self.pdus.get(event.pdu);
        let pdu = self.event(event_id).map(read).transpose();
        pdu.map_err(|error| {
            Error::Target(format!(
                "{event_id} can't be read back ({error}): is the disk full or broken?"
            ))
        })
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

    /// Whether the bundle has the state before an event: where its predecessors are not all there.
    #[must_use]
    pub fn has_snapshot(&self, event_id: &EventId) -> bool {
        self.snapshots.contains_key(event_id)
    }

    /// The state after an event of the timeline.
    #[must_use]
    pub fn state_after(&self, event_id: &EventId) -> Option<StateMap> {
        let position = self.event(event_id)?.position?;
        let mut state = self.fold(position);
        if let Some(pair) = &self.event(event_id)?.state {
            state.insert(pair.clone(), event_id.to_owned());
        }
        Some(state)
    }

    /// From now on, who asks for the state is told the room's present one, at whatever event: so the target's is mended.
    pub fn tell_current_state(&self) {
        self.tells_current_state.store(true, Ordering::Relaxed);
    }

    /// What `/state` answers at an event: the state before it, or the present one while that is told
    /// ([`OpenRoom::tell_current_state`]). The joiner's membership is not in that: the target has a newer one, and what
    /// both sides have differently makes its state resolution less certain.
    #[must_use]
    pub fn told_state(&self, event_id: &EventId) -> Option<StateMap> {
        if !self.tells_current_state.load(Ordering::Relaxed) {
            return self.state_before(event_id);
        }
        let mut state = self.current_state.clone();
        state.remove(&("m.room.member".to_owned(), self.joiner.to_string()));
        Some(state)
    }

    /// Its state as it was before an event, if the bundle has it.
    fn snapshot(&self, event_id: &EventId) -> Option<StateMap> {
        let numbers = self.snapshots.get(event_id)?;
        let entry = |number: &usize| {
            let pair = self.numbered(*number)?.state.clone()?;
            Some((pair, self.ids[*number].clone()))
        };
        let mut state: StateMap = numbers.iter().filter_map(entry).collect();
        // Where somebody of ours answers an invite from elsewhere, Synapse does not note that the join replaced it: the
        // join itself names it as what allows it.
        if let Some(event) = self.event(event_id)
            && let Some(pair) = &event.state
            && !state.contains_key(pair)
        {
            let is_former = |number: &&usize| {
                self.numbered(**number)
                    .is_some_and(|event| event.state.as_ref() == Some(pair))
            };
            if let Some(former) = event.auth_events.iter().find(is_former) {
                state.insert(pair.clone(), self.ids[*former].clone());
            }
        }
        Some(state)
    }

    /// The state of the timeline's first events, so many; before the next one, where the bundle has that.
    fn fold(&self, end: usize) -> StateMap {
        let mut places = self.timeline().enumerate().take(end + 1).rev();
        let (begin, mut state) = places
            .find_map(|(place, id)| Some((place, self.snapshot(id)?)))
            .unwrap_or_default();
        // A room whose create event is known only as an outlier still has one.
        if let Some(create) = self.create_event() {
            state.insert(("m.room.create".to_owned(), String::new()), create.clone());
        }
        for number in self.timeline.iter().take(end).skip(begin) {
            if let Some(pair) = self.numbered(*number).and_then(|event| event.state.clone()) {
                state.insert(pair, self.ids[*number].clone());
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
            JoinPoint::AfterJoin { event_id }
            | JoinPoint::Oldest { event_id }
            | JoinPoint::Recent { event_id, .. } => {
                Some((vec![event_id.clone()], self.state_after(event_id)?))
            }
            JoinPoint::Current => {
                let tips = if self.forward_extremities.is_empty() {
                    vec![self.timeline().next_back()?.clone()]
                } else {
                    self.forward_extremities.clone()
                };
                Some((tips, self.current_state.clone()))
            }
        }
    }

    /// Whether the target gets an event with the join: as state there, or because that state rests on it.
    #[must_use]
    pub fn is_in_the_join(&self, event_id: &EventId) -> bool {
        let brought = self.in_the_join.get_or_init(|| {
            let (_, state) = self.join_point().unwrap_or_default();
            let mut brought = self.auth_chain(state.values());
            brought.extend(state.into_values());
            brought
        });
        brought.contains(event_id)
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
            .map(|event| event.depth)
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
            let hash = pdu::reference_hash(&self.pdu(id).ok()??, &self.version).ok()?;
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
        // In version 12 the create event authorises everything without being named.
        let create = self.create_event().cloned();
        let mut todo: Vec<usize> = of
            .into_iter()
            .filter_map(|id| self.ids.get_index_of(id))
            .collect();
        let mut chain = BTreeSet::new();
        while let Some(number) = todo.pop() {
            // What the export could not get is missing here, too; the rest of the chain is not.
            let auth_events = self.numbered(number).map(|event| &event.auth_events);
            for auth in auth_events.into_iter().flatten() {
                if chain.insert(*auth) {
                    todo.push(*auth);
                }
            }
        }
        let named = chain.into_iter().map(|number| self.ids[number].clone());
        named.chain(create).collect()
    }

    /// The raw PDUs of some events, those that are there.
    pub fn pdus<'a>(
        &self,
        ids: impl IntoIterator<Item = &'a OwnedEventId>,
    ) -> Result<Vec<Box<RawValue>>> {
        let pdus = ids.into_iter().map(|id| self.pdu(id));
        pdus.filter_map(Result::transpose).collect()
    }
}

#[cfg(test)]
mod tests;
