//! What a room that is made anew must look like, from the bundle. No requests.

use std::collections::{BTreeMap, BTreeSet};

use ruma::{OwnedUserId, ServerName, UserId};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{anew::Anew, levels, planner::Recreation};
use crate::{Result, bundle::Bundle, model::room::Room};

pub(super) const CREATE: &str = "m.room.create";
pub(super) const MEMBER: &str = "m.room.member";
pub(super) const LEVELS: &str = "m.room.power_levels";
pub(super) const JOIN_RULES: &str = "m.room.join_rules";
/// Who sees what is said.
pub(super) const VISIBILITY: &str = "m.room.history_visibility";
const CANONICAL_ALIAS: &str = "m.room.canonical_alias";
/// Lists of aliases by server, in old rooms.
const ALIASES: &str = "m.room.aliases";
/// What servers write into a create event themselves.
const MADE_BY_SERVERS: [&str; 2] = ["creator", "room_version"];
/// What a member event says of a person; other fields are about how it came to be.
const OF_MEMBER: [&str; 4] = ["displayname", "avatar_url", "reason", "is_direct"];

/// Type and state key.
pub type Key = (String, String);

/// A room as the bundle has it, in the words of the target.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Wanted {
    /// The create event's content, but for what the server writes into it.
    pub create: Map<String, Value>,
    /// The other state, but for members and power levels.
    pub state: BTreeMap<Key, Value>,
    /// The power levels, if the bundle has them.
    pub levels: Option<Value>,
    /// Members of every membership who are put back.
    pub members: BTreeMap<OwnedUserId, Member>,
    /// What is not: the thing and the reason.
    pub left: Vec<String>,
}

/// Somebody's membership.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// `join`, `invite`, `knock`, `ban`.
    pub membership: String,
    /// The member event's content.
    pub content: Value,
    /// Whether the bundle says which name and picture they had in the room.
    pub is_known: bool,
}

/// What the bundle's rooms have in common.
#[derive(Debug, Clone, Copy)]
pub struct Around<'a> {
    /// The server.
    pub server_name: &'a ServerName,
    /// Who can act on the target.
    pub able: &'a BTreeSet<OwnedUserId>,
    /// The room's aliases; nothing if aliases are left out.
    pub aliases: Option<&'a BTreeSet<String>>,
    /// New IDs.
    pub anew: &'a Anew,
}

#[derive(Debug, Deserialize)]
struct Event {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    state_key: String,
    #[serde(default)]
    content: Value,
}

impl Event {
    /// Whether it is the room's own of a type; servers take others, with a state key, and go by none of them.
    fn is(&self, kind: &str) -> bool {
        self.kind == kind && self.state_key.is_empty()
    }
}

/// The content of a room's power levels in a bundle; null if it has none.
pub fn levels_of(bundle: &Bundle, room: &Room) -> Result<Value> {
    let events = events(bundle, room)?;
    let found = events.into_iter().find(|event| event.is(LEVELS));
    Ok(found.map(|event| event.content).unwrap_or_default())
}

/// Who sees what is said in a room, by a bundle.
pub fn visibility_of(bundle: &Bundle, room: &Room) -> Result<Option<String>> {
    let events = events(bundle, room)?;
    let found = events.into_iter().find(|event| event.is(VISIBILITY));
    let said =
        found.and_then(|event| Some(event.content["history_visibility"].as_str()?.to_owned()));
    Ok(said.or_else(|| room.history_visibility.clone()))
}

fn events(bundle: &Bundle, room: &Room) -> Result<Vec<Event>> {
    let events = bundle.room_state(&room.room_id)?.into_iter();
    // One without a type can't be anything.
    Ok(events
        .filter_map(|event| serde_json::from_str(event.get()).ok())
        .collect())
}

impl Wanted {
    /// Reads a room.
    pub fn read(
        bundle: &Bundle,
        room: &Room,
        how: &Recreation,
        around: Around<'_>,
    ) -> Result<Self> {
        let memberships = bundle.memberships(&room.room_id)?;
        Ok(Self::of(
            room,
            events(bundle, room)?,
            &memberships,
            how,
            around,
        ))
    }

    fn of(
        room: &Room,
        events: Vec<Event>,
        memberships: &BTreeMap<OwnedUserId, String>,
        how: &Recreation,
        around: Around<'_>,
    ) -> Self {
        let mut wanted = Self::default();
        let mut members = BTreeMap::new();
        for event in events {
            match event.kind.as_str() {
                // There is one way to make a room.
                CREATE if !event.state_key.is_empty() => {}
                CREATE => wanted.create = event.content.as_object().cloned().unwrap_or_default(),
                MEMBER => drop(members.insert(event.state_key, event.content)),
                LEVELS if event.state_key.is_empty() => wanted.levels = Some(event.content),
                _ => drop(
                    wanted
                        .state
                        .insert((event.kind, event.state_key), event.content),
                ),
            }
        }
        wanted.add_from_list(room);
        let creators = creators(&wanted.create, how);
        wanted
            .create
            .retain(|field, _| !MADE_BY_SERVERS.contains(&field.as_str()));
        let creators = creators.iter().map(String::as_str);
        wanted.levels = wanted
            .levels
            .map(|all| levels::fitting(&all, &how.version, creators));
        wanted.take_members(memberships, &members, around);
        wanted.leave_out(around);
        around.anew.rewrite_fields(&mut wanted.create);
        let state = std::mem::take(&mut wanted.state).into_iter();
        wanted.state = state
            .map(|((kind, key), mut content)| {
                around.anew.rewrite(&mut content);
                let new = around.anew.text(&key).map(str::to_owned);
                ((kind, new.unwrap_or(key)), content)
            })
            .collect();
        wanted
    }

    /// What the state lacks, and the list of rooms has: version 1 does not promise all state.
    fn add_from_list(&mut self, room: &Room) {
        let of_list = [
            ("m.room.name", "name", room.name.clone()),
            (JOIN_RULES, "join_rule", room.join_rules.clone()),
            (
                VISIBILITY,
                "history_visibility",
                room.history_visibility.clone(),
            ),
            (
                "m.room.guest_access",
                "guest_access",
                room.guest_access.clone(),
            ),
            (
                CANONICAL_ALIAS,
                "alias",
                room.canonical_alias.as_ref().map(ToString::to_string),
            ),
            // A room is made with open doors, and must not stay so.
            (JOIN_RULES, "join_rule", Some("invite".to_owned())),
        ];
        for (kind, field, value) in of_list {
            if let Some(value) = value {
                let key = (kind.to_owned(), String::new());
                self.state
                    .entry(key)
                    .or_insert_with(|| json!({ field: value }));
            }
        }
        if let Some(kind) = &room.room_type {
            let create = self.create.entry("type");
            create.or_insert_with(|| json!(kind));
        }
        if room.federatable == Some(false) {
            let create = self.create.entry("m.federate");
            create.or_insert_with(|| json!(false));
        }
    }

    fn take_members(
        &mut self,
        memberships: &BTreeMap<OwnedUserId, String>,
        events: &BTreeMap<String, Value>,
        around: Around<'_>,
    ) {
        for (user, membership) in memberships {
            let is_able = around.able.contains(user);
            match membership.as_str() {
                "join" | "invite" | "knock" if is_able => {}
                // Whoever was put out stays out, wherever they are.
                "ban" => {}
                "join" | "invite" | "knock" => {
                    let why = if user.server_name() == around.server_name {
                        "has no account that can be used"
                    } else {
                        "is of another server, and can't be put back from here"
                    };
                    self.left.push(format!("{user} ({membership}) {why}"));
                    continue;
                }
                _ => continue,
            }
            let event = events
                .get(user.as_str())
                .filter(|content| content["membership"] == **membership);
            let mut content = json!({ "membership": membership });
            for field in OF_MEMBER {
                if let Some(value) = event.and_then(|event| event.get(field)) {
                    content[field] = value.clone();
                }
            }
            let member = Member {
                membership: membership.clone(),
                content,
                is_known: event.is_some(),
            };
            self.members.insert(user.clone(), member);
        }
    }

    /// Whether somebody is to be joined.
    #[must_use]
    pub fn is_joined(&self, user: &str) -> bool {
        let member = <&UserId>::try_from(user)
            .ok()
            .and_then(|user| self.members.get(user));
        member.is_some_and(|member| member.membership == "join")
    }

    /// Takes out what nobody can send.
    fn leave_out(&mut self, around: Around<'_>) {
        let mut left = Vec::new();
        let joined: BTreeSet<String> = self
            .members
            .iter()
            .filter(|(_, member)| member.membership == "join")
            .map(|(user, _)| user.to_string())
            .collect();
        self.state.retain(|(kind, key), content| {
            let why = match kind.as_str() {
                ALIASES if key != around.server_name => {
                    Some("is of another server, and means nothing any more")
                }
                _ if key.starts_with('@') && !joined.contains(key) => {
                    Some("can only be sent by that user, who is not joined here")
                }
                CANONICAL_ALIAS => match around.aliases {
                    None => Some("names aliases, which are left out"),
                    Some(aliases) if keep_aliases(content, aliases) => None,
                    Some(_) => {
                        left.push(format!(
                            "{kind} has fewer aliases: the others are not the room's by the bundle"
                        ));
                        None
                    }
                },
                _ => None,
            };
            if let Some(why) = why {
                let of = if key.is_empty() {
                    String::new()
                } else {
                    format!(" of {key}")
                };
                left.push(format!("{kind}{of} {why}"));
            }
            why.is_none()
        });
        self.left.extend(left);
    }
}

/// Takes out aliases that are not the room's: no server takes those. Whether nothing had to be.
fn keep_aliases(content: &mut Value, aliases: &BTreeSet<String>) -> bool {
    let Some(fields) = content.as_object_mut() else {
        return true;
    };
    let before = fields.clone();
    let is_its = |alias: &Value| alias.as_str().is_some_and(|alias| aliases.contains(alias));
    if fields.get("alias").is_some_and(|alias| !is_its(alias)) {
        fields.remove("alias");
    }
    if let Some(others) = fields.get_mut("alt_aliases").and_then(Value::as_array_mut) {
        others.retain(is_its);
    }
    *fields == before
}

/// Who has all power in a room of version 12.
fn creators(create: &Map<String, Value>, how: &Recreation) -> Vec<String> {
    let more = create.get("additional_creators").and_then(Value::as_array);
    let more = more.into_iter().flatten().filter_map(Value::as_str);
    more.chain([how.creator.as_str()])
        .map(str::to_owned)
        .collect()
}

/// When a type of state is sent: what comes late would be in the way of what is to be done before.
#[must_use]
pub fn rank(kind: &str) -> u8 {
    match kind {
        VISIBILITY => 0,
        CANONICAL_ALIAS => 2,
        "m.room.tombstone" => 3,
        "m.room.guest_access" => 4,
        JOIN_RULES => 5,
        _ => 1,
    }
}

#[cfg(test)]
mod tests;
