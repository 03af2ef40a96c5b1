//! What the target keeps: accounts and aliases here, rooms and the admin room in files of their own.

mod admin_room;
mod elsewhere;
mod encryption;
mod making;
mod media;
mod room;
mod saying;
mod settings;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::super::sample::Draft;
pub(in super::super) use elsewhere::Elsewhere;
pub(in super::super) use encryption::{Backup, Encryption, Lie};
pub(in super::super) use media::Broken;
use media::Medium;
use room::Room;
pub(in super::super) use settings::Settings;

/// Status, error code, message.
pub(super) struct Fault(
    pub(super) u16,
    pub(super) &'static str,
    pub(super) &'static str,
);

type Answer = Result<Value, Fault>;

/// A version that takes events one by one.
const OLD: &str = "1.4.6";

const NOT_FOUND: Fault = Fault(404, "M_NOT_FOUND", "not found");

/// Who can get into an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super::super) enum Door {
    /// Nobody.
    Closed,
    /// Whoever has this password.
    Password(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super::super) struct Account {
    pub(in super::super::super) door: Door,
    profile: BTreeMap<String, String>,
    /// Each is a member event in every room of the user.
    profile_changes: u32,
}

impl Account {
    pub(in super::super::super) fn new(door: Door, localpart: &str) -> Self {
        Self {
            door,
            // Tuwunel gives new accounts a name.
            profile: [("displayname".to_owned(), localpart.to_owned())].into(),
            profile_changes: 0,
        }
    }

    pub(in super::super::super) fn profile_of(&self, field: &str) -> Option<String> {
        self.profile.get(field).cloned()
    }
}

/// The whole target.
#[derive(Debug)]
pub(in super::super::super) struct World {
    pub(in super::super::super) accounts: BTreeMap<String, Account>,
    pub(in super::super::super) rooms: BTreeMap<String, Room>,
    pub(in super::super::super) aliases: BTreeMap<String, String>,
    /// Rooms that it shares with the old Synapse.
    pub(in super::super::super) elsewhere: BTreeMap<String, Elsewhere>,
    /// Of the next room it makes nothing but the ID.
    pub(in super::super::super) breaks_at_making: bool,
    /// Types of state that it does not take.
    pub(in super::super::super) refused_state: BTreeSet<String>,
    /// State that it lists, but does not find by type and state key.
    pub(in super::super::super) lost_state: BTreeSet<(String, String)>,
    /// Rooms that nobody is let into.
    pub(in super::super::super) refused_joins: BTreeSet<String>,
    /// Events that it does not take.
    pub(in super::super::super) refused_events: BTreeSet<String>,
    /// Events that it takes as backfill, but not when they are sent; whether it says so.
    pub(in super::super::super) refused_when_sent: BTreeMap<String, bool>,
    /// State that loses against older state; how often the state is to be mended until it wins.
    pub(in super::super::super) misjudged: BTreeMap<String, u32>,
    /// Users, and events that they must not see.
    pub(in super::super::super) hidden: BTreeSet<(String, String)>,
    /// Users, and events that it doesn't even give them one by one.
    pub(in super::super::super) kept_from: BTreeSet<(String, String)>,
    /// Its version.
    pub(in super::super::super) version: &'static str,
    /// Its public key.
    pub(in super::super::super) key: &'static str,
    /// Names that nobody may have, by their first part.
    pub(in super::super::super) forbidden_names: BTreeSet<String>,
    /// What it says to a ping, if not that all is well.
    pub(in super::super::super) ping: Option<&'static str>,
    /// It doesn't take the old server's keys from the resident.
    pub(in super::super::super) takes_no_keys: bool,
    /// So many commands are forgotten before they are run, as by a restart.
    pub(in super::super::super) forgotten_commands: u32,
    /// Who was let into the admin room.
    pub(in super::super::super) admins: BTreeSet<String>,
    /// Users' e-mail addresses.
    pub(in super::super::super) addresses: BTreeSet<(String, String)>,
    /// E-mail addresses that somebody else has.
    pub(in super::super::super) taken_addresses: BTreeSet<String>,
    /// Fields of a profile that it doesn't set.
    pub(in super::super::super) refused_profiles: BTreeSet<String>,
    /// Users whose room keys it does not take.
    pub(in super::super::super) refused_keys: BTreeSet<String>,
    /// What it says it has done, and hasn't.
    pub(in super::super::super) lies: BTreeSet<Lie>,
    /// Users' keys.
    pub(in super::super::super) encryption: Encryption,
    pub(in super::super::super) settings: Settings,
    /// Requests that were not only to read, by method and path.
    pub(in super::super::super) changes: Vec<String>,
    /// Files by media ID.
    pub(in super::super::super) media: BTreeMap<String, Medium>,
    /// Files that it fetches in part, or not at all.
    pub(in super::super::super) broken_media: BTreeMap<String, Broken>,
    /// Files that were thrown away on command, sorted.
    pub(in super::super::super) deleted_media: Vec<String>,
    /// So many commands to fetch a file are forgotten.
    pub(in super::super::super) forgotten_files: u32,
    /// Transactions with their events, until it is started again.
    pub(super) transactions: BTreeMap<String, String>,
    /// Types of messages of which the next is taken, and the answer is lost.
    pub(in super::super::super) lost_answers: BTreeSet<String>,
    /// Types of messages that it does not take.
    pub(in super::super::super) refused_messages: BTreeSet<String>,
    admin_room: Vec<Value>,
    /// What the resident would hand out.
    source: BTreeMap<String, Draft>,
}

impl World {
    /// What it has learned with the first join.
    pub(super) fn old_keys(&self) -> Value {
        if self.takes_no_keys || self.rooms.is_empty() {
            return json!({});
        }
        json!({ "ed25519:old": { "key": "b2xk", "expired_ts": 1 } })
    }

    pub(super) fn new(rooms: &[Draft]) -> Self {
        let admins = ("#admins:ferry.test".to_owned(), admin_room::ID.to_owned());
        Self {
            accounts: BTreeMap::new(),
            rooms: BTreeMap::new(),
            aliases: [admins].into(),
            elsewhere: BTreeMap::new(),
            breaks_at_making: false,
            refused_state: BTreeSet::new(),
            lost_state: BTreeSet::new(),
            refused_joins: BTreeSet::new(),
            refused_events: BTreeSet::new(),
            refused_when_sent: BTreeMap::new(),
            misjudged: BTreeMap::new(),
            hidden: BTreeSet::new(),
            kept_from: BTreeSet::new(),
            version: OLD,
            key: "bmV3",
            forbidden_names: BTreeSet::new(),
            ping: None,
            takes_no_keys: false,
            forgotten_commands: 0,
            admins: BTreeSet::new(),
            addresses: BTreeSet::new(),
            taken_addresses: BTreeSet::new(),
            refused_profiles: BTreeSet::new(),
            refused_keys: BTreeSet::new(),
            lies: BTreeSet::new(),
            encryption: Encryption::default(),
            settings: Settings::default(),
            changes: Vec::new(),
            media: BTreeMap::new(),
            broken_media: BTreeMap::new(),
            deleted_media: Vec::new(),
            forgotten_files: 0,
            transactions: BTreeMap::new(),
            lost_answers: BTreeSet::new(),
            refused_messages: BTreeSet::new(),
            admin_room: Vec::new(),
            source: rooms
                .iter()
                .map(|room| (room.room_id.clone(), room.clone()))
                .collect(),
        }
    }

    /// From now on the resident would hand out these rooms.
    pub(in super::super) fn hears_of(&mut self, rooms: &[Draft]) {
        let rooms = rooms.iter();
        self.source = rooms
            .map(|room| (room.room_id.clone(), room.clone()))
            .collect();
    }

    pub(super) fn available(&self, localpart: &str) -> Answer {
        if self.forbidden_names.contains(localpart) {
            Err(Fault(403, "M_FORBIDDEN", "Username is forbidden"))
        } else if self.accounts.contains_key(&id(localpart)) {
            Err(Fault(400, "M_USER_IN_USE", "in use"))
        } else {
            Ok(json!({ "available": true }))
        }
    }

    pub(super) fn register(&mut self, body: &Value) -> Answer {
        let localpart = body["username"].as_str().unwrap();
        self.available(localpart)?;
        let door = match body["password"].as_str() {
            Some(password) => Door::Password(password.to_owned()),
            None => Door::Closed,
        };
        self.accounts
            .insert(id(localpart), Account::new(door, localpart));
        Ok(json!({ "user_id": id(localpart) }))
    }

    /// Nobody knows a password here.
    pub(super) fn login(&self, body: &Value) -> Answer {
        if body["type"] == "m.login.application_service" {
            return Ok(Self::login_as(body));
        }
        let user = body["identifier"]["user"].as_str().unwrap();
        Err(match self.accounts.get(user).map(|account| &account.door) {
            Some(Door::Closed) => Fault(403, "M_USER_DEACTIVATED", "deactivated"),
            _ => Fault(403, "M_FORBIDDEN", "Wrong username or password."),
        })
    }

    pub(super) fn profile(&self, user: &str) -> Answer {
        let account = self.accounts.get(user).ok_or(NOT_FOUND)?;
        Ok(json!(account.profile))
    }

    pub(super) fn set_profile(&mut self, user: &str, field: &str, body: &Value) -> Answer {
        if self.refused_profiles.contains(field) {
            return Err(Fault(403, "M_FORBIDDEN", "not now"));
        }
        let account = self.accounts.get_mut(user).ok_or(NOT_FOUND)?;
        let value = body[field].as_str().unwrap();
        account.profile_changes += 1;
        if value.is_empty() {
            account.profile.remove(field);
        } else {
            account.profile.insert(field.to_owned(), value.to_owned());
        }
        Ok(json!({}))
    }

    pub(super) fn resolve(&self, alias: &str) -> Answer {
        let room = self.aliases.get(alias).ok_or(NOT_FOUND)?;
        Ok(json!({ "room_id": room }))
    }

    pub(super) fn set_alias(&mut self, alias: &str, body: &Value) -> Answer {
        if self.aliases.contains_key(alias) {
            return Err(Fault(409, "M_UNKNOWN", "alias in use"));
        }
        let room = body["room_id"].as_str().unwrap();
        self.aliases.insert(alias.to_owned(), room.to_owned());
        Ok(json!({}))
    }
}

fn id(localpart: &str) -> String {
    format!("@{localpart}:ferry.test")
}
