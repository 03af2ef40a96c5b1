//! Rooms that somebody makes here, and who may change what of them.

use serde_json::{Value, json};

use super::{Answer, Fault, NOT_FOUND, World, room::member};
use crate::target::making::ROOM_ID;

const FORBIDDEN: Fault = Fault(403, "M_FORBIDDEN", "not you");

fn pair(kind: &str, key: &str) -> (String, String) {
    (kind.to_owned(), key.to_owned())
}

impl World {
    pub(in super::super) fn create_room(&mut self, user: &str, body: &Value) -> Answer {
        let account = self.accounts.get(user).ok_or(FORBIDDEN)?;
        let version = body["room_version"].as_str().unwrap();
        let is_new = version == "12";
        let id = match body[ROOM_ID].as_str().filter(|_| !is_new) {
            Some(local) => format!("!{local}:ferry.test"),
            None => format!("!made{}:ferry.test", self.rooms.len()),
        };
        if self.rooms.contains_key(&id) {
            return Err(Fault(400, "M_ROOM_IN_USE", "there is one"));
        }
        if std::mem::take(&mut self.breaks_at_making) {
            self.rooms.entry(id).or_default();
            return Err(Fault(500, "M_UNKNOWN", "the disk is full"));
        }
        let mut create = body["creation_content"].clone();
        create["room_version"] = json!(version);
        let mut levels = json!({ "users": if is_new { json!({}) } else { json!({ user: 100 }) } });
        let wanted = body["power_level_content_override"].as_object();
        for (field, value) in wanted.into_iter().flatten() {
            levels[field] = value.clone();
        }
        let mut own = json!(account.profile);
        own["membership"] = json!("join");
        let room = self.rooms.entry(id.clone()).or_default();
        room.made_by = Some((user.to_owned(), is_new));
        for (kind, key, content) in [
            ("m.room.create", "", create),
            ("m.room.member", user, own),
            ("m.room.power_levels", "", levels),
            ("m.room.join_rules", "", json!({ "join_rule": "public" })),
            (
                "m.room.history_visibility",
                "",
                json!({ "history_visibility": "shared" }),
            ),
            (
                "m.room.guest_access",
                "",
                json!({ "guest_access": "forbidden" }),
            ),
        ] {
            room.put((kind, key), user, &content);
        }
        Ok(json!({ "room_id": id }))
    }

    pub(in super::super) fn state_of(
        &mut self,
        user: &str,
        id: &str,
        (kind, key): (&str, &str),
    ) -> Answer {
        let is_lost = self.lost_state.contains(&pair(kind, key));
        let state = self.state(user, id)?;
        let mut events = state.as_array().into_iter().flatten();
        let event = events.find(|event| event["type"] == kind && event["state_key"] == key);
        let event = event.filter(|_| !is_lost).ok_or(NOT_FOUND)?;
        Ok(event["content"].clone())
    }

    pub(in super::super) fn is_made(&self, room: &str) -> bool {
        let room = self.rooms.get(room);
        room.is_some_and(|room| room.made_by.is_some())
    }

    /// As far as the rules of a room are about what an import does.
    pub(in super::super) fn put_state(
        &mut self,
        user: &str,
        id: &str,
        (kind, key): (&str, &str),
        body: &Value,
    ) -> Answer {
        if self.refused_state.contains(kind) {
            return Err(Fault(400, "M_BAD_JSON", "not this one"));
        }
        if kind == "m.room.canonical_alias"
            && let Some(alias) = body["alias"].as_str()
            && self.aliases.get(alias).is_none_or(|room| room != id)
        {
            return Err(Fault(400, "M_BAD_ALIAS", "not its alias"));
        }
        let room = self.rooms.get_mut(id).ok_or(NOT_FOUND)?;
        let (maker, is_new) = room.made_by.clone().ok_or(FORBIDDEN)?;
        let content = |kind: &str, key: &str| {
            let found = room.state.get(&pair(kind, key));
            found
                .map(|event| event["content"].clone())
                .unwrap_or_default()
        };
        let levels = content("m.room.power_levels", "");
        let level = if is_new && user == maker {
            i64::MAX
        } else {
            levels["users"][user].as_i64().unwrap_or(0)
        };
        let own = room.state.get(&member(user));
        let own = own.and_then(|event| event["content"]["membership"].as_str());
        let wanted = body["membership"].as_str().unwrap_or_default();
        let rule = content("m.room.join_rules", "");
        let may = match (kind, wanted) {
            ("m.room.member", "join") => {
                let is_let_in = rule["join_rule"] == "public";
                key == user && (is_let_in || matches!(own, Some("join" | "invite")))
            }
            ("m.room.member", "knock") => key == user && rule["join_rule"] == "knock",
            ("m.room.member", "invite" | "ban") => own == Some("join") && level >= 50,
            ("m.room.member", _) => false,
            ("m.room.power_levels", _) => {
                let users = body["users"].as_object();
                let most = users
                    .into_iter()
                    .flatten()
                    .filter_map(|(_, it)| it.as_i64());
                own == Some("join") && level >= 100 && most.max().is_none_or(|most| most <= level)
            }
            _ => {
                let needed = levels["events"][kind].as_i64().unwrap_or(50);
                own == Some("join") && level >= needed && (!key.starts_with('@') || key == user)
            }
        };
        if !may {
            return Err(FORBIDDEN);
        }
        room.put((kind, key), user, body);
        Ok(json!({ "event_id": "$sent" }))
    }
}
