//! What an export reads of a room's current state.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use ruma::{
    CanonicalJsonObject, OwnedEventId, OwnedRoomId, OwnedUserId, RoomId, RoomVersionId,
    canonical_json::redact_content_in_place, room_version_rules::RoomVersionRules,
};
use serde::{Deserialize, Serialize, de::IgnoredAny};
use serde_json::{Value, value::RawValue};

use crate::source::intake::problem;
use crate::{job::Problem, model::pdu};

/// A state event as `room_state.json` holds it: the client's format without what changes from day to day (`unsigned`).
#[derive(Debug, Serialize, Deserialize)]
pub struct ClientEvent {
    content: Box<RawValue>,
    /// Its own ID.
    pub event_id: OwnedEventId,
    origin_server_ts: u64,
    room_id: OwnedRoomId,
    /// Who sent it.
    pub sender: OwnedUserId,
    state_key: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Whether it is to be emptied; never in the JSON.
    #[serde(skip)]
    redacted: bool,
}

impl ClientEvent {
    /// From what Synapse's API gives, or from a PDU whose ID is known.
    ///
    /// The error is a clause for the list of problems.
    pub fn of(
        served: &RawValue,
        room: &RoomId,
        event_id: Option<OwnedEventId>,
    ) -> Result<Self, String> {
        #[derive(Default, Deserialize)]
        struct Unsigned {
            redacted_by: Option<IgnoredAny>,
            redacted_because: Option<IgnoredAny>,
        }
        #[derive(Deserialize)]
        struct Served {
            #[serde(default)]
            unsigned: Unsigned,
            content: Box<RawValue>,
            event_id: Option<OwnedEventId>,
            origin_server_ts: u64,
            sender: OwnedUserId,
            state_key: String,
            #[serde(rename = "type")]
            kind: String,
        }
        let served: Served =
            serde_json::from_str(served.get()).map_err(|error| error.to_string())?;
        Ok(Self {
            content: served.content,
            event_id: event_id.or(served.event_id).ok_or("it has no event ID")?,
            origin_server_ts: served.origin_server_ts,
            room_id: room.to_owned(),
            sender: served.sender,
            state_key: served.state_key,
            kind: served.kind,
            redacted: served.unsigned.redacted_by.is_some()
                || served.unsigned.redacted_because.is_some(),
        })
    }

    /// The same, to be emptied.
    #[must_use]
    pub fn redacted(mut self) -> Self {
        self.redacted = true;
        self
    }

    /// Puts the content in order, and empties it if it is redacted. That result is canonical JSON, so that it doesn't
    /// matter who emptied it.
    fn emptied(mut self, rules: Option<&RoomVersionRules>) -> Result<Self, String> {
        if self.redacted {
            let mut content: CanonicalJsonObject =
                serde_json::from_str(self.content.get()).map_err(|error| error.to_string())?;
            let rules = rules.ok_or("it is redacted, and its room version is unknown")?;
            redact_content_in_place(&mut content, &rules.redaction, &self.kind);
            self.content =
                serde_json::value::to_raw_value(&content).map_err(|error| error.to_string())?;
        } else {
            self.content = pdu::ordered(&self.content).map_err(|error| error.to_string())?;
        }
        Ok(self)
    }

    /// Its JSON.
    fn raw(&self) -> Result<Box<RawValue>, String> {
        serde_json::value::to_raw_value(self).map_err(|error| error.to_string())
    }
}

/// A room's current state by type and state key: in this order it is in the bundle, so that both readers give the same.
#[derive(Debug, Default)]
pub struct State(BTreeMap<(String, String), ClientEvent>);

impl State {
    /// Empties redacted events by the rules of the room version. One that can't be emptied becomes a problem.
    pub fn of(
        room: &RoomId,
        events: Vec<ClientEvent>,
        version: Option<&str>,
        problems: &mut Vec<Problem>,
    ) -> Self {
        let rules = version
            .and_then(|version| RoomVersionId::try_from(version).ok())
            .and_then(|version| version.rules());
        let mut state = BTreeMap::new();
        for event in events {
            match event.emptied(rules.as_ref()) {
                Ok(event) => {
                    let key = (event.kind.clone(), event.state_key.clone());
                    state.insert(key, event);
                }
                Err(reason) => problems.push(problem("room state", room, &reason)),
            }
        }
        Self(state)
    }

    /// As the bundle holds it.
    pub fn raw(&self) -> Vec<Box<RawValue>> {
        let events = self.0.values();
        events.filter_map(|event| event.raw().ok()).collect()
    }

    /// The event of a type with an empty state key.
    pub fn event(&self, kind: &str) -> Option<&ClientEvent> {
        self.0.get(&(kind.to_owned(), String::new()))
    }

    /// A text in that event's content, by path.
    pub fn text(&self, kind: &str, pointer: &str) -> Option<String> {
        let content = self.content(kind)?;
        Some(content.pointer(pointer)?.as_str()?.to_owned())
    }

    /// A truth value in that event's content, by path.
    pub fn flag(&self, kind: &str, pointer: &str) -> Option<bool> {
        self.content(kind)?.pointer(pointer)?.as_bool()
    }

    fn content(&self, kind: &str) -> Option<Value> {
        serde_json::from_str(self.event(kind)?.content.get()).ok()
    }

    /// The IDs of all events.
    pub fn event_ids(&self) -> impl Iterator<Item = &OwnedEventId> {
        self.0.values().map(|event| &event.event_id)
    }

    /// Its events' types, each once.
    pub fn kinds(&self) -> BTreeSet<String> {
        self.0.keys().map(|(kind, _)| kind.clone()).collect()
    }

    /// Everybody's membership; a member whose ID is no user ID becomes a problem.
    pub fn memberships(
        &self,
        room: &RoomId,
        problems: &mut Vec<Problem>,
    ) -> BTreeMap<OwnedUserId, String> {
        #[derive(Deserialize)]
        struct Member<'a> {
            #[serde(borrow)]
            membership: Cow<'a, str>,
        }
        let mut memberships = BTreeMap::new();
        for event in self
            .0
            .values()
            .filter(|event| event.kind == "m.room.member")
        {
            let user = OwnedUserId::try_from(event.state_key.as_str());
            match (
                user,
                serde_json::from_str::<Member<'_>>(event.content.get()),
            ) {
                (Ok(user), Ok(member)) => {
                    memberships.insert(user, member.membership.into_owned());
                }
                _ => problems.push(problem(
                    "membership",
                    &event.state_key,
                    &format!("its member event in {room} has no user or no membership"),
                )),
            }
        }
        memberships
    }
}
