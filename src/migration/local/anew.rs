//! The IDs of rooms that were made anew, and whatever names them. No I/O.

use std::collections::BTreeMap;

use ruma::{OwnedRoomId, RoomId};
use serde_json::{Map, Value};

use crate::{
    Result,
    ledger::Ledger,
    migration::plan::{Plan, RoomAction, RoomPlan},
};

/// All rooms that are to be made anew.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Anew {
    /// By their old IDs: those on the target, of rooms that are there.
    rooms: BTreeMap<String, Option<OwnedRoomId>>,
}

impl Anew {
    /// As the plan and the ledger have it.
    pub fn of(plan: &Plan, ledger: &Ledger) -> Result<Self> {
        Self::among(&plan.rooms, &ledger.made()?)
    }

    /// Of these rooms; `made` has the IDs of those that are there, by their old ones.
    pub fn among(rooms: &[RoomPlan], made: &BTreeMap<String, OwnedRoomId>) -> Result<Self> {
        let rooms = rooms.iter().filter_map(|room| match &room.action {
            RoomAction::Recreate(_) => {
                let old = room.room_id.to_string();
                let id = made.get(&old).cloned();
                Some((old, id))
            }
            _ => None,
        });
        Ok(Self {
            rooms: rooms.collect(),
        })
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rooms.is_empty()
    }

    /// Whether a room is made anew.
    #[must_use]
    pub fn has(&self, room: &RoomId) -> bool {
        self.rooms.contains_key(room.as_str())
    }

    /// A room's ID on the target: of one that is made anew its new one, once it is there.
    #[must_use]
    pub fn id<'a>(&'a self, room: &'a RoomId) -> Option<&'a RoomId> {
        match self.rooms.get(room.as_str()) {
            Some(made) => made.as_deref(),
            None => Some(room),
        }
    }

    /// Notes that a room is there.
    pub fn add(&mut self, old: &RoomId, new: OwnedRoomId) {
        if let Some(made) = self.rooms.get_mut(old.as_str()) {
            *made = Some(new);
        }
    }

    /// Puts new IDs in the place of old ones, wherever a text or a name of a field is one.
    pub fn rewrite(&self, value: &mut Value) {
        match value {
            Value::String(text) => {
                if let Some(new) = self.text(text) {
                    new.clone_into(text);
                }
            }
            Value::Array(values) => values.iter_mut().for_each(|value| self.rewrite(value)),
            Value::Object(fields) => self.rewrite_fields(fields),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// The same in an object.
    pub fn rewrite_fields(&self, fields: &mut Map<String, Value>) {
        if fields.keys().any(|name| self.text(name).is_some()) {
            let all = std::mem::take(fields).into_iter();
            fields.extend(all.map(|(name, value)| {
                let new = self.text(&name).map(str::to_owned);
                (new.unwrap_or(name), value)
            }));
        }
        fields.values_mut().for_each(|value| self.rewrite(value));
    }

    /// The new ID of a room, if the text is the old one and it is another.
    #[must_use]
    pub fn text(&self, text: &str) -> Option<&str> {
        let new = self.rooms.get(text)?.as_ref()?;
        (new != text).then_some(new.as_str())
    }

    /// A room that is named there and is to be made, but is not there yet: nobody knows its ID.
    #[must_use]
    pub fn unmade<'a>(&'a self, value: &'a Value) -> Option<&'a str> {
        match value {
            Value::String(text) => self.is_unmade(text),
            Value::Array(values) => values.iter().find_map(|value| self.unmade(value)),
            Value::Object(fields) => fields
                .iter()
                .find_map(|(name, value)| self.is_unmade(name).or_else(|| self.unmade(value))),
            Value::Null | Value::Bool(_) | Value::Number(_) => None,
        }
    }

    /// The text, if it is the ID of such a room.
    #[must_use]
    pub fn is_unmade<'a>(&self, text: &'a str) -> Option<&'a str> {
        let made = self.rooms.get(text)?;
        made.is_none().then_some(text)
    }
}

#[cfg(test)]
impl Anew {
    /// Rooms by old and new ID, for tests; one with an empty new one isn't there yet.
    pub(crate) fn sample(rooms: &[(&str, &str)]) -> Self {
        let made =
            |(old, new): &(&str, &str)| ((*old).to_owned(), OwnedRoomId::try_from(*new).ok());
        Self {
            rooms: rooms.iter().map(made).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn ids_are_put_in_wherever_they_stand_whole() {
        let anew = Anew::sample(&[("!a:x", "!new:x"), ("!b:x", "!b:x"), ("!c:x", "")]);
        let mut value = json!({
            "!a:x": ["!a:x", "!b:x", "not !a:x"], "room": { "room_id": "!a:x" }, "n": 1.5, "b": [true, null],
        });
        assert_eq!(anew.unmade(&value), None);
        anew.rewrite(&mut value);
        assert_eq!(
            value,
            json!({
                "!new:x": ["!new:x", "!b:x", "not !a:x"], "room": { "room_id": "!new:x" }, "n": 1.5, "b": [true, null],
            })
        );
        assert_eq!(anew.unmade(&json!({ "a": ["!c:x"] })), Some("!c:x"));
        assert_eq!(anew.unmade(&json!({ "!c:x": 1 })), Some("!c:x"));
    }
}
