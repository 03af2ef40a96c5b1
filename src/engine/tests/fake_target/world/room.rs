//! Rooms: the join, what is imported before it, what is sent after it, and how a member sees it.

use std::collections::BTreeMap;

use ruma::OwnedEventId;
use serde_json::{Value, json, value::to_raw_value};

use super::{Answer, Fault, NOT_FOUND, OLD, World, admin_room};
use crate::{
    engine::tests::sample::{client_event, state_pair},
    model::pdu,
};

/// Events on a page, so that a room takes more than one.
const PAGE: usize = 8;

#[derive(Debug, Default)]
pub(in super::super::super::super) struct Room {
    pub(super) timeline: Vec<Value>,
    pub(super) state: BTreeMap<(String, String), Value>,
    /// Joins that changed anything.
    pub(in super::super::super::super) joins: u32,
    leaves: u32,
    /// Names and pictures set in the room alone.
    names: u32,
    joiner: String,
    /// Who has made it here, and whether that gives all power.
    pub(super) made_by: Option<(String, bool)>,
}

impl Room {
    /// All that a room is compared by, a line each.
    pub(in super::super::super::super) fn lines(&self) -> Vec<String> {
        let timeline = self
            .timeline
            .iter()
            .map(|event| format!("{} {}", event["type"], event["event_id"]));
        let state = self
            .state
            .iter()
            .map(|((kind, key), event)| format!("{kind} of {key:?}: {}", event["event_id"]));
        let counts = format!(
            "{} joins, {} leaves, {} names",
            self.joins, self.leaves, self.names
        );
        [counts].into_iter().chain(timeline).chain(state).collect()
    }

    /// What was said in it, a line each: when, by whom, what.
    pub(in super::super::super::super) fn said(&self) -> Vec<String> {
        let said = self
            .timeline
            .iter()
            .filter(|event| event.get("state_key").is_none());
        said.map(|event| {
            let [ts, sender, kind, content] =
                ["origin_server_ts", "sender", "type", "content"].map(|field| &event[field]);
            let sender = sender.as_str().unwrap();
            format!("{ts} {sender} {} {content}", kind.as_str().unwrap())
        })
        .collect()
    }

    pub(super) fn has(&self, event: &str) -> bool {
        self.timeline.iter().any(|there| there["event_id"] == event)
    }

    fn is_joined(&self, user: &str) -> bool {
        self.state
            .get(&member(user))
            .is_some_and(|event| event["content"]["membership"] == "join")
    }

    /// A state event of a room that was made here; its ID is what it says.
    pub(super) fn put(&mut self, (kind, key): (&str, &str), sender: &str, content: &Value) {
        let event = json!({
            "event_id": format!("${content}"), "type": kind, "sender": sender, "state_key": key, "content": content,
            "origin_server_ts": 9_000_000,
        });
        self.state.insert((kind.to_owned(), key.to_owned()), event);
    }

    /// A new membership event of the target's own.
    fn set_membership(&mut self, user: &str, content: &Value) {
        let number = self.joins + self.leaves + self.names;
        let event = json!({
            "event_id": format!("${}{number}", content["membership"].as_str().unwrap()),
            "type": "m.room.member", "sender": user, "state_key": user, "content": content,
            "origin_server_ts": 9_000_000,
        });
        self.timeline.push(event.clone());
        self.state.insert(member(user), event);
    }
}

pub(super) fn member(user: &str) -> (String, String) {
    ("m.room.member".to_owned(), user.to_owned())
}

impl World {
    pub(in super::super) fn joined_rooms(&self, user: &str) -> Vec<&str> {
        if user == "@ferryman:ferry.test" {
            return vec![admin_room::ID];
        }
        let admin_room = self.admins.contains(user).then_some(admin_room::ID);
        let rooms = self.rooms.iter();
        rooms
            .filter(|(_, room)| room.is_joined(user))
            .map(|(id, _)| id.as_str())
            .chain(admin_room)
            .chain(self.elsewhere.iter().filter_map(|(id, room)| {
                let is = room.members.get(user)?;
                (is == "join").then_some(id.as_str())
            }))
            .collect()
    }

    /// The remote join brings the current state with all members in it.
    pub(in super::super) fn join(&mut self, user: &str, id: &str) -> Answer {
        if let Some(answer) = self.join_elsewhere(user, id) {
            return answer;
        }
        if self.refused_joins.contains(id) || !self.accounts.contains_key(user) {
            return Err(Fault(403, "M_FORBIDDEN", "not this one"));
        }
        let source = self.source.get(id).ok_or(NOT_FOUND)?;
        let room = self.rooms.entry(id.to_owned()).or_insert_with(|| Room {
            state: source.state(),
            joiner: user.to_owned(),
            ..Room::default()
        });
        if room.joins == 0 || !room.is_joined(user) {
            room.joins += 1;
            room.set_membership(user, &json!({ "membership": "join" }));
        }
        Ok(json!({ "room_id": id }))
    }

    /// A name and a picture for one room; the same once more is no event.
    pub(in super::super) fn set_member(&mut self, user: &str, id: &str, body: &Value) -> Answer {
        let room = self.member_of(user, id)?;
        if room.state[&member(user)]["content"] != *body {
            room.names += 1;
            room.set_membership(user, body);
        }
        Ok(json!({ "event_id": room.state[&member(user)]["event_id"] }))
    }

    pub(in super::super) fn leave(&mut self, user: &str, id: &str) -> Answer {
        let room = self.rooms.get_mut(id).ok_or(NOT_FOUND)?;
        let is_invited = room.state.get(&member(user));
        let is_invited = is_invited.is_some_and(|event| event["content"]["membership"] == "invite");
        if !is_invited && !room.is_joined(user) {
            return Err(Fault(403, "M_FORBIDDEN", "not a member"));
        }
        room.leaves += 1;
        room.set_membership(user, &json!({ "membership": "leave" }));
        Ok(json!({}))
    }

    /// Puts an event before all that are there; whether it is there then.
    pub(super) fn backfill(&mut self, id: &str) -> bool {
        let found = self
            .source
            .values()
            .flat_map(|room| room.events.iter().map(move |event| (room, event)))
            .find(|(_, (there, _))| there == id);
        let Some((source, (id, pdu))) = found.filter(|_| !self.refused_events.contains(id)) else {
            return false;
        };
        // A version 12 create event does not say where it belongs.
        let room = pdu["room_id"].as_str().filter(|id| *id == source.room_id);
        let Some(room) = room.and_then(|room| self.rooms.get_mut(room)) else {
            return false;
        };
        if !room.has(id.as_str()) {
            room.timeline.insert(0, client_event(id, pdu));
        }
        true
    }

    /// A federation transaction with one event.
    pub(in super::super) fn transaction(&mut self, body: &Value) -> Value {
        let pdus = body["pdus"].as_array().unwrap();
        assert!(pdus.len() == 1 || self.version != OLD);
        let processed = pdus.iter().map(|pdu| self.one(pdu));
        json!({ "pdus": processed.collect::<serde_json::Map<_, _>>() })
    }

    fn one(&mut self, pdu: &Value) -> (String, Value) {
        let room = pdu["room_id"].as_str().unwrap();
        let version = &self.source[room].version;
        let id = pdu::event_id(&to_raw_value(pdu).unwrap(), version).unwrap();
        let processed = match self.receive(room, &id, pdu) {
            Ok(()) => json!({}),
            Err(reason) => json!({ "error": reason }),
        };
        (id.to_string(), processed)
    }

    fn receive(&mut self, room: &str, id: &OwnedEventId, pdu: &Value) -> Result<(), &'static str> {
        if self.refused_events.contains(id.as_str()) {
            return Err("not this one");
        }
        match self.refused_when_sent.get(id.as_str()) {
            Some(true) => return Err("sender's membership `leave` is not `join`"),
            Some(false) => return Ok(()),
            None => {}
        }
        let is_misjudged = self.misjudged.contains_key(id.as_str());
        let room = self.rooms.get_mut(room).ok_or("room unknown")?;
        let ts = |event: &Value| event["origin_server_ts"].as_u64();
        // What is older than the room's first event is ignored without a word.
        if room.has(id.as_str()) || ts(pdu) < room.timeline.first().and_then(ts) {
            return Ok(());
        }
        let event = client_event(id, pdu);
        room.timeline.push(event.clone());
        // The joiner's new join, being the newest, wins over what it did before.
        let is_of_joiner = |pair: &(String, String)| *pair == member(&room.joiner);
        if let Some(pair) = state_pair(pdu).filter(|pair| !is_misjudged && !is_of_joiner(pair)) {
            room.state.insert(pair, event);
        }
        Ok(())
    }

    /// Resolves the state anew, against the source's.
    pub(super) fn mend(&mut self, id: &str) {
        let (room, source) = (self.rooms.get_mut(id).unwrap(), &self.source[id]);
        for ((kind, key), event) in source.state() {
            let id = event["event_id"].as_str().unwrap();
            let left = self.misjudged.get_mut(id).map(|left| {
                *left = left.saturating_sub(1);
                *left
            });
            if left == Some(0) {
                room.state.insert((kind, key), event);
            }
        }
    }

    pub(super) fn member_of(&mut self, user: &str, id: &str) -> Result<&mut Room, Fault> {
        let room = self.rooms.get_mut(id).ok_or(NOT_FOUND)?;
        if room.is_joined(user) {
            Ok(room)
        } else {
            Err(Fault(403, "M_FORBIDDEN", "not a member"))
        }
    }

    pub(in super::super) fn state(&mut self, user: &str, id: &str) -> Answer {
        if let Some(answer) = self.state_elsewhere(user, id) {
            return answer;
        }
        let room = self.member_of(user, id)?;
        Ok(json!(room.state.values().collect::<Vec<_>>()))
    }

    pub(in super::super) fn messages(
        &mut self,
        user: &str,
        id: &str,
        dir: &str,
        from: &str,
    ) -> Answer {
        if id == admin_room::ID {
            return Ok(self.admin_messages());
        }
        self.member_of(user, id)?;
        let shown = |event: &&Value| {
            let event = event["event_id"].as_str().unwrap_or_default();
            !self.hidden.contains(&(user.to_owned(), event.to_owned()))
        };
        let mut timeline: Vec<_> = self.rooms[id].timeline.iter().filter(shown).collect();
        if dir == "b" {
            timeline.reverse();
        }
        let start: usize = from.parse().unwrap_or(0);
        let rest = timeline.get(start..).unwrap_or_default();
        let mut page = json!({ "chunk": rest.iter().take(PAGE).collect::<Vec<_>>() });
        if rest.len() > PAGE {
            page["end"] = json!((start + PAGE).to_string());
        }
        Ok(page)
    }
}
