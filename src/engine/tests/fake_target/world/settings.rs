//! What belongs to each user alone: account data, push rules, receipts.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Answer, Fault, NOT_FOUND, World};

/// Of all users. A room of no name is the user's own place.
#[derive(Debug, Clone, Default, PartialEq)]
pub(in super::super::super::super) struct Settings {
    /// User, room and type.
    pub(in super::super::super::super) account_data: BTreeMap<[String; 3], Value>,
    /// User and kind: the first rule comes first.
    pub(in super::super::super::super) push_rules: BTreeMap<[String; 2], Vec<Value>>,
    /// User, room and type: the event.
    pub(in super::super::super::super) receipts: BTreeMap<[String; 3], String>,
    /// Types of account data and IDs of push rules that it does not take.
    pub(in super::super::super::super) refused: Vec<&'static str>,
    /// A room in which it takes no receipts.
    pub(in super::super::super::super) refused_room: Option<&'static str>,
    /// It takes no private receipts, as if all events had come as backfill.
    pub(in super::super::super::super) refuses_private: bool,
}

const KINDS: [&str; 5] = ["override", "content", "room", "sender", "underride"];

impl World {
    /// A token is its user's name.
    pub(in super::super) fn login_as(body: &Value) -> Value {
        json!({ "access_token": body["identifier"]["user"] })
    }

    pub(in super::super) fn account_data(&self, [user, room, kind]: [&str; 3]) -> Answer {
        let key = [user, room, kind].map(str::to_owned);
        let found = self.settings.account_data.get(&key);
        found.cloned().ok_or(NOT_FOUND)
    }

    pub(in super::super) fn set_account_data(
        &mut self,
        [user, room, kind]: [&str; 3],
        body: &Value,
    ) -> Answer {
        if self.settings.refused.contains(&kind) || ["m.push_rules", "m.fully_read"].contains(&kind)
        {
            return Err(Fault(400, "M_BAD_JSON", "not this one"));
        }
        let key = [user, room, kind].map(str::to_owned);
        self.settings.account_data.insert(key, body.clone());
        Ok(json!({}))
    }

    pub(in super::super) fn push_rules(&mut self, user: &str) -> Value {
        let kinds = KINDS.map(|kind| (kind.to_owned(), json!(self.rules(user, kind))));
        json!({ "global": serde_json::Map::from_iter(kinds) })
    }

    fn rules(&mut self, user: &str, kind: &str) -> &mut Vec<Value> {
        let key = [user, kind].map(str::to_owned);
        let rules = self.settings.push_rules.entry(key);
        rules.or_insert_with(|| match kind {
            "override" => vec![
                json!({ "rule_id": ".m.rule.master", "default": true, "enabled": false, "actions": [] }),
            ],
            _ => Vec::new(),
        })
    }

    /// A new rule comes first, but behind the default one that is first.
    pub(in super::super) fn change_push_rule(
        &mut self,
        (user, method): (&str, &str),
        (kind, rule, what): (&str, &str, &str),
        body: &Value,
    ) -> Answer {
        let is_refused = self.settings.refused.contains(&rule) && body["pattern"] == rule;
        if (method, what) == ("PUT", "") && is_refused {
            return Err(Fault(400, "M_BAD_JSON", "not this one"));
        }
        let rules = self.rules(user, kind);
        let place = rules.iter().position(|other| other["rule_id"] == rule);
        match (method, what, place) {
            ("PUT", "", None) => {
                let mut new = body.clone();
                new["rule_id"] = json!(rule);
                new["default"] = json!(false);
                new["enabled"] = json!(true);
                rules.insert(usize::from(kind == "override"), new);
            }
            ("PUT", "", Some(place)) => rules[place]["actions"] = body["actions"].clone(),
            ("PUT", field, Some(place)) => rules[place][field] = body[field].clone(),
            ("DELETE", "", Some(place)) => drop(rules.remove(place)),
            _ => return Err(NOT_FOUND),
        }
        Ok(json!({}))
    }

    pub(in super::super) fn event(&mut self, user: &str, room: &str, event: &str) -> Answer {
        let is_hidden = self
            .kept_from
            .contains(&(user.to_owned(), event.to_owned()));
        let room = self.member_of(user, room)?;
        if is_hidden {
            return Err(Fault(403, "M_FORBIDDEN", "not for you"));
        }
        let mut timeline = room.timeline.iter();
        let found = timeline.find(|there| there["event_id"] == event);
        found.cloned().ok_or(NOT_FOUND)
    }

    /// One of each type in a room.
    pub(in super::super) fn set_receipt(&mut self, [user, room, kind, event]: [&str; 4]) -> Answer {
        self.member_of(user, room)?;
        if self.settings.refused_room == Some(room) {
            return Err(Fault(400, "M_BAD_JSON", "not here"));
        }
        if self.settings.refuses_private && kind == "m.read.private" {
            return Err(Fault(400, "M_INVALID_PARAM", "the event is backfilled"));
        }
        let key = [user, room, kind].map(str::to_owned);
        self.settings.receipts.insert(key, event.to_owned());
        Ok(json!({}))
    }

    pub(in super::super) fn set_read_marker(
        &mut self,
        [user, room]: [&str; 2],
        body: &Value,
    ) -> Answer {
        self.member_of(user, room)?;
        let key = [user, room, "m.fully_read"].map(str::to_owned);
        let content = json!({ "event_id": body["m.fully_read"] });
        self.settings.account_data.insert(key, content);
        Ok(json!({}))
    }

    /// Nothing but receipts.
    pub(in super::super) fn sync(&self, user: &str) -> Value {
        let mut rooms = serde_json::Map::new();
        for ([reader, room, kind], event) in &self.settings.receipts {
            let content = json!({ event: { kind: { reader: { "ts": 1 } } } });
            let event = json!({ "type": "m.receipt", "content": content });
            let joined = rooms
                .entry(room.clone())
                .or_insert_with(|| json!({ "ephemeral": { "events": [] } }));
            joined["ephemeral"]["events"]
                .as_array_mut()
                .unwrap()
                .push(event);
        }
        let joined = self.joined_rooms(user);
        rooms.retain(|room, _| joined.contains(&room.as_str()));
        json!({ "rooms": { "join": rooms } })
    }
}
