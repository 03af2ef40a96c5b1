//! What readers of a source hand over, and the bundle's writer takes.

use std::collections::BTreeMap;

use ruma::{OwnedRoomAliasId, OwnedRoomId, OwnedUserId};
use serde_json::value::RawValue;

use crate::{
    model::{
        account_data::AccountData, cross_signing::CrossSigning, device::Device, pending::Pending,
        push_rules::PushRules, receipt::Receipt, room::Room, user::User,
    },
    secret::SecretString,
};

/// One user with all that belongs to them. What the user has none of, and what could not be read, is empty.
#[derive(Debug, Clone)]
pub struct UserRecord {
    /// The entry in `users.json`.
    pub user: User,
    /// Global and per room, tags included.
    pub account_data: AccountData,
    /// Own rules and changed defaults.
    pub push_rules: PushRules,
    /// As `GET /_matrix/client/v3/pushers` gives them, ordered by `app_id` and `pushkey`.
    pub pushers: Vec<serde_json::Value>,
    /// By room, sorted.
    pub receipts: BTreeMap<OwnedRoomId, Vec<Receipt>>,
    /// Ordered by ID.
    pub devices: Vec<Device>,
    /// By device, in the shape of `POST /_matrix/client/v3/keys/query` without `unsigned`, all signatures in it.
    pub device_keys: BTreeMap<String, Box<RawValue>>,
    /// Public keys, and whom the user has verified.
    pub cross_signing: CrossSigning,
    /// Invites and knocks that wait, ordered by room.
    pub pending: Vec<Pending>,
    /// bcrypt; only if it was asked for.
    pub password_hash: Option<SecretString>,
}

impl UserRecord {
    /// How many of each kind belong to them.
    pub fn counts(&self) -> [(&'static str, u64); 8] {
        let rules = &self.push_rules;
        let rules = [
            &rules.override_,
            &rules.content,
            &rules.room,
            &rules.sender,
            &rules.underride,
        ];
        let in_rooms = self.account_data.rooms.values().map(BTreeMap::len);
        [
            ("devices", self.devices.len()),
            ("device keys", self.device_keys.len()),
            ("pushers", self.pushers.len()),
            ("push rules", rules.iter().map(|list| list.len()).sum()),
            ("receipts", self.receipts.values().map(Vec::len).sum()),
            ("account data entries", self.account_data.global.len()),
            ("account data entries of rooms", in_rooms.sum()),
            ("pending invites and knocks", self.pending.len()),
        ]
        .map(|(name, count)| (name, count as u64))
    }

    /// A user without anything yet.
    pub fn new(user: User) -> Self {
        Self {
            user,
            account_data: AccountData::default(),
            push_rules: PushRules::default(),
            pushers: Vec::new(),
            receipts: BTreeMap::new(),
            devices: Vec::new(),
            device_keys: BTreeMap::new(),
            cross_signing: CrossSigning::default(),
            pending: Vec::new(),
            password_hash: None,
        }
    }
}

/// One room but for its events, which come before it.
#[derive(Debug, Clone)]
pub struct RoomRecord {
    /// Its entry in `rooms.json`.
    pub room: Room,
    /// Current state events in the client's format, or `None` if they could not be read.
    pub state: Option<Vec<Box<RawValue>>>,
    /// Every user with a membership, or `None` if the state could not be read.
    pub memberships: Option<BTreeMap<OwnedUserId, String>>,
    /// Local aliases.
    pub aliases: Vec<OwnedRoomAliasId>,
    /// Whether an event of the timeline came before one that it follows: the writer puts it in order then.
    pub disordered: bool,
}
