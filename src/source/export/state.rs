//! What the export reads of a room's current state.

use std::collections::BTreeMap;

use ruma::{OwnedEventId, OwnedUserId, RoomId};
use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use super::problem;
use crate::job::Problem;

/// One state event in the client's format.
#[derive(Debug, Deserialize)]
pub(super) struct StateEvent {
    /// Its own ID.
    pub(super) event_id: OwnedEventId,
    #[serde(rename = "type")]
    kind: String,
    state_key: String,
    /// Who sent it.
    pub(super) sender: OwnedUserId,
    content: Value,
}

/// A room's state by type and state key.
#[derive(Debug, Default)]
pub(super) struct State(BTreeMap<(String, String), StateEvent>);

impl State {
    /// Reads all events; an unreadable one becomes a problem.
    pub(super) fn of(room: &RoomId, raw: &[Box<RawValue>], problems: &mut Vec<Problem>) -> Self {
        let mut state = BTreeMap::new();
        for event in raw {
            match serde_json::from_str::<StateEvent>(event.get()) {
                Ok(event) => {
                    state.insert((event.kind.clone(), event.state_key.clone()), event);
                }
                Err(error) => problems.push(problem("room state", room, &error)),
            }
        }
        Self(state)
    }

    /// The event of a type with an empty state key.
    pub(super) fn event(&self, kind: &str) -> Option<&StateEvent> {
        self.0.get(&(kind.to_owned(), String::new()))
    }

    /// A text in that event's content, by path.
    pub(super) fn text(&self, kind: &str, pointer: &str) -> Option<String> {
        let text = self.event(kind)?.content.pointer(pointer)?.as_str()?;
        Some(text.to_owned())
    }

    /// A truth value in that event's content, by path.
    pub(super) fn flag(&self, kind: &str, pointer: &str) -> Option<bool> {
        self.event(kind)?.content.pointer(pointer)?.as_bool()
    }

    /// The IDs of all events.
    pub(super) fn event_ids(&self) -> impl Iterator<Item = &OwnedEventId> {
        self.0.values().map(|event| &event.event_id)
    }

    /// Everybody's membership; a member whose ID is no user ID becomes a problem.
    pub(super) fn memberships(
        &self,
        room: &RoomId,
        problems: &mut Vec<Problem>,
    ) -> BTreeMap<OwnedUserId, String> {
        let mut memberships = BTreeMap::new();
        for event in self
            .0
            .values()
            .filter(|event| event.kind == "m.room.member")
        {
            let user = OwnedUserId::try_from(event.state_key.as_str());
            match (user, event.content["membership"].as_str()) {
                (Ok(user), Some(membership)) => {
                    memberships.insert(user, membership.to_owned());
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
