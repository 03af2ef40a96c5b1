//! The resident: a federation server of Ferryman's own that holds the old server's events and answers as a server that
//! resides in the old rooms would. The target joins every room through it, once.
//!
//! It answers only what the target signed (key requests are unsigned by nature), only on the configured listener, and
//! only while a migration is open.

pub mod app;
pub mod door;
pub mod endpoint;
pub mod identity;
mod inviter;
pub mod notary;
pub mod old_server;
pub mod open_room;
mod pdu_file;
pub mod probe;
pub mod sender;
pub mod server;
pub mod shelf;
pub mod tls;

#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

use ruma::{EventId, OwnedRoomId, OwnedServerName, RoomId};
use sha2::{Digest, Sha256};

use crate::hex::hex;

pub use self::{
    app::App,
    door::{Door, Doors},
    identity::Identity,
    notary::Notary,
    old_server::OldServer,
    open_room::{OpenRoom, StateMap},
    sender::Sender,
    shelf::{Medium, Shelf},
};

/// What the resident knows, shared by its endpoints and by the migration's steps.
#[derive(Debug)]
pub struct Resident {
    /// Its name and signing key.
    pub identity: Identity,
    /// The server that may ask, by name: an import's target, whose name is the old server's.
    pub joiner: OwnedServerName,
    /// Keys that it hands out for other servers.
    pub notary: Notary,
    /// Where users knock.
    pub doors: Doors,
    /// Media that the target fetches now.
    pub shelf: Shelf,
    rooms: RwLock<HashMap<OwnedRoomId, Arc<OpenRoom>>>,
    send_joins: AtomicU64,
    key_queries: AtomicU64,
    own_key_queries: AtomicU64,
    version_queries: AtomicU64,
}

impl Resident {
    /// A resident without rooms.
    #[must_use]
    pub fn new(identity: Identity, joiner: OwnedServerName, notary: Notary) -> Self {
        Self {
            identity,
            joiner,
            notary,
            doors: Doors::default(),
            shelf: Shelf::default(),
            rooms: RwLock::default(),
            send_joins: AtomicU64::new(0),
            key_queries: AtomicU64::new(0),
            own_key_queries: AtomicU64::new(0),
            version_queries: AtomicU64::new(0),
        }
    }

    /// Serves a room from now on, until the guard is dropped.
    #[must_use]
    pub fn open(self: &Arc<Self>, room: Arc<OpenRoom>) -> RoomGuard {
        let room_id = room.room_id.clone();
        self.rooms
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(room_id.clone(), room);
        RoomGuard {
            resident: Arc::clone(self),
            room_id,
        }
    }

    /// A room that is being served.
    #[must_use]
    pub fn room(&self, room_id: &RoomId) -> Option<Arc<OpenRoom>> {
        self.rooms
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(room_id)
            .cloned()
    }

    /// An alias of the resident's own for a room. Who joins by it asks the resident alone: for a room ID, Tuwunel 1.4.6
    /// also asks the server that the ID names, in no fixed order (`get_join_params`).
    #[must_use]
    pub fn alias(&self, room_id: &RoomId) -> String {
        let name = hex(&Sha256::digest(room_id.as_bytes()));
        format!("#{name}:{}", self.identity.name)
    }

    /// The served room that has an alias of the resident's own.
    #[must_use]
    pub fn room_named(&self, alias: &str) -> Option<Arc<OpenRoom>> {
        self.rooms
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .values()
            .find(|room| self.alias(&room.room_id) == alias)
            .cloned()
    }

    /// The served room that holds an event. Only a few rooms are open at a time.
    #[must_use]
    pub fn room_with(&self, event_id: &EventId) -> Option<Arc<OpenRoom>> {
        self.rooms
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .values()
            .find(|room| room.event(event_id).is_some())
            .cloned()
    }

    /// `send_join` requests answered: the remote joins that really happened.
    #[must_use]
    pub fn send_joins(&self) -> u64 {
        self.send_joins.load(Ordering::Relaxed)
    }

    /// Whether anybody has asked for other servers' keys: a target that trusts the resident as notary does.
    #[must_use]
    pub fn was_asked_for_keys(&self) -> bool {
        self.key_queries.load(Ordering::Relaxed) > 0
    }

    /// Whether anybody has asked the resident itself for its own key.
    #[must_use]
    pub fn was_asked_for_own_key(&self) -> bool {
        self.own_key_queries.load(Ordering::Relaxed) > 0
    }

    /// How often its version was asked for.
    #[must_use]
    pub fn version_queries(&self) -> u64 {
        self.version_queries.load(Ordering::Relaxed)
    }

    pub(crate) fn count_version_query(&self) {
        self.version_queries.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_own_key_query(&self) {
        self.own_key_queries.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_key_query(&self) {
        self.key_queries.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_send_join(&self) {
        self.send_joins.fetch_add(1, Ordering::Relaxed);
    }
}

/// Keeps a room open; dropping it closes the room.
#[derive(Debug)]
pub struct RoomGuard {
    resident: Arc<Resident>,
    room_id: OwnedRoomId,
}

impl Drop for RoomGuard {
    fn drop(&mut self) {
        self.resident
            .rooms
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&self.room_id);
    }
}
