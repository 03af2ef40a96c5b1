//! The rooms with the most events.

use std::cmp::Reverse;

use serde::{Deserialize, Serialize};

use super::cut;
use crate::model::room::Room;

/// How many are kept.
pub const LARGEST: usize = 20;

/// A room among the largest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LargeRoom {
    /// Its ID.
    pub room_id: String,
    /// Its name, else its canonical alias.
    pub name: Option<String>,
    /// Room version.
    pub version: Option<String>,
    /// Whether it is encrypted.
    pub encrypted: bool,
    /// Whether it is a space.
    pub space: bool,
    /// Joined members, remote ones included.
    pub members: u64,
    /// Joined members of this server.
    pub local_members: u64,
    /// Timeline events in the bundle.
    pub events: u64,
}

/// Keeps the list sorted (events, then members, both falling; then the ID) and short.
pub(super) fn insert(list: &mut Vec<LargeRoom>, room: &Room) {
    let id = room.room_id.as_str();
    let at = list.partition_point(|other| {
        (
            Reverse(other.events),
            Reverse(other.members),
            other.room_id.as_str(),
        ) < (Reverse(room.event_count), Reverse(room.joined_members), id)
    });
    if at >= LARGEST {
        return;
    }
    let alias = || room.canonical_alias.as_ref().map(ToString::to_string);
    let name = room.name.clone().filter(|name| !name.trim().is_empty());
    list.truncate(LARGEST - 1);
    list.insert(
        at,
        LargeRoom {
            room_id: cut(id),
            name: name.or_else(alias).map(|name| cut(&name)),
            version: room.version.as_ref().map(|version| cut(version.as_str())),
            encrypted: room.encryption.is_some(),
            space: room.room_type.as_deref() == Some("m.space"),
            members: room.joined_members,
            local_members: room.joined_local_members,
            events: room.event_count,
        },
    );
}
