//! Rooms that a target joins through other servers, and the old Synapse that is one of them: each hears at once what
//! happens on the other.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Answer, Fault, NOT_FOUND, World};

const FORBIDDEN: Fault = Fault(403, "M_FORBIDDEN", "not you");
/// Whose token is the configured one.
const ADMIN: (&str, &str) = ("syt_secret", "@anna:old.test");
/// What a token of somebody else begins with.
const ACTING: &str = "acting ";

/// A room as all its servers see it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(in super::super::super) struct Elsewhere {
    /// `public`, `invite`, `restricted`.
    pub(in super::super::super) rule: &'static str,
    /// Whose members may come in.
    pub(in super::super::super) allows: Option<&'static str>,
    pub(in super::super::super) members: BTreeMap<String, String>,
    pub(in super::super::super) levels: Value,
    /// Everything that has happened since, a line each.
    pub(in super::super::super) events: Vec<String>,
}

impl Elsewhere {
    fn is(&self, user: &str, membership: &str) -> bool {
        self.members.get(user).is_some_and(|it| it == membership)
    }

    fn member(&mut self, user: &str, membership: &str) {
        self.events.push(format!("{user} {membership}"));
        self.members.insert(user.to_owned(), membership.to_owned());
    }

    fn state(&self) -> Value {
        let event = |kind: &str, key: &str, content: Value| json!({ "type": kind, "state_key": key, "sender": "@anna:old.test", "content": content, "event_id": "$e", "origin_server_ts": 1 });
        let members = self.members.iter();
        let members =
            members.map(|(user, is)| event("m.room.member", user, json!({ "membership": is })));
        let levels = event("m.room.power_levels", "", self.levels.clone());
        let rules = event("m.room.join_rules", "", json!({ "join_rule": self.rule }));
        members.chain([levels, rules]).collect()
    }

    fn level(&self, user: &str) -> i64 {
        self.levels["users"][user].as_i64().unwrap_or(0)
    }

    fn needed(&self, what: &str, usual: i64) -> i64 {
        self.levels[what].as_i64().unwrap_or(usual)
    }
}

impl World {
    /// Through which server and whether it may come in; nothing if it is no such room.
    pub(super) fn join_elsewhere(&mut self, user: &str, id: &str) -> Option<Answer> {
        let allows = self.elsewhere.get(id)?.allows;
        let is_allowed = allows.is_some_and(|room| self.elsewhere[room].is(user, "join"));
        let has_account = self.accounts.contains_key(user);
        let room = self.elsewhere.get_mut(id)?;
        if room.is(user, "join") {
            return Some(Ok(json!({ "room_id": id })));
        }
        if !has_account || !(room.rule == "public" || is_allowed || room.is(user, "invite")) {
            return Some(Err(FORBIDDEN));
        }
        room.member(user, "join");
        Some(Ok(json!({ "room_id": id })))
    }

    pub(super) fn state_elsewhere(&self, user: &str, id: &str) -> Option<Answer> {
        let room = self.elsewhere.get(id)?;
        if !room.is(user, "join") {
            return Some(Err(FORBIDDEN));
        }
        Some(Ok(room.state()))
    }

    /// What the old Synapse says; nothing if it isn't asked.
    pub(in super::super) fn old_synapse(
        &mut self,
        method: &str,
        path: &[&str],
        (token, body): (&str, &Value),
    ) -> Option<Answer> {
        if let ["_synapse", "admin", "v1", "users", user, "login"] = path {
            let token = format!("{ACTING}{user}");
            return Some(Ok(json!({ "access_token": token })));
        }
        let user = match token.strip_prefix(ACTING) {
            Some(user) => user,
            None if token == ADMIN.0 => ADMIN.1,
            None => return None,
        };
        if let ["_synapse", "admin", "v1", "rooms", id, "state"] = path {
            let state = self.elsewhere.get(*id)?.state();
            return Some(Ok(json!({ "state": state })));
        }
        let ["_matrix", "client", "v3", path @ ..] = path else {
            return Some(Err(NOT_FOUND));
        };
        if let ["account", "whoami"] = path {
            return Some(Ok(json!({ "user_id": user })));
        }
        if let ["logout"] = path {
            return Some(Ok(json!({})));
        }
        let ["rooms", id, what @ ..] = path else {
            return Some(Err(NOT_FOUND));
        };
        let room = self.elsewhere.get_mut(*id)?;
        Some(in_room(room, user, (method, what), body))
    }
}

fn in_room(
    room: &mut Elsewhere,
    user: &str,
    (method, what): (&str, &[&str]),
    body: &Value,
) -> Answer {
    match (method, what) {
        ("GET", ["state", "m.room.member", of]) => {
            let membership = room.members.get(*of).ok_or(NOT_FOUND)?;
            Ok(json!({ "membership": membership }))
        }
        _ if !room.is(user, "join") => Err(FORBIDDEN),
        ("GET", ["state", "m.room.power_levels"]) => Ok(room.levels.clone()),
        ("POST", ["invite"]) => {
            let guest = body["user_id"].as_str().unwrap();
            if room.level(user) < room.needed("invite", 0) || room.is(guest, "join") {
                return Err(FORBIDDEN);
            }
            room.member(guest, "invite");
            Ok(json!({}))
        }
        ("PUT", ["state", "m.room.power_levels"]) => {
            if room.level(user) < room.needed("state_default", 50) {
                return Err(FORBIDDEN);
            }
            if room.levels != *body {
                room.events.push(format!("levels {}", body["users"]));
                room.levels = body.clone();
            }
            Ok(json!({ "event_id": "$e" }))
        }
        ("POST", ["leave"]) => {
            room.member(user, "leave");
            Ok(json!({}))
        }
        _ => Err(NOT_FOUND),
    }
}
