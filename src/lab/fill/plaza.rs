//! Rooms for those whom an admin will shut out, with many aliases, in and out of the directory; and a blocked one.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::{
    Town,
    accounts::{BRIDGED, GUEST},
    media::{PLAZA, plaza_picture},
    talk::talk,
};
use crate::lab::{Result, client::v3, path::path};

/// What the server itself knows of rooms, beside their events.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Directory {
    /// Every local alias and the ID of its room.
    pub aliases: BTreeMap<String, String>,
    /// IDs of the published rooms.
    pub published: BTreeSet<String>,
    /// IDs of the rooms that an admin has blocked.
    pub blocked: BTreeSet<String>,
}

/// Version 11, by Dave, who left; among its people are all that will be shut out.
pub(super) async fn plaza(town: &Town) -> Result<Vec<(&'static str, String)>> {
    let (dave, carol) = (town.who("dave"), town.who("carol"));
    let room = dave
        .create_room(&json!({
            "room_version": "11",
            "preset": "public_chat",
            "room_alias_name": "plaza",
            "name": "Plaza",
            "initial_state": [{
                "type": "m.room.guest_access",
                "content": { "guest_access": "can_join" },
            }],
        }))
        .await?;
    dave.set_alias(&town.alias("märkt/1"), &room).await?;
    let people = [
        "carol", "peggy", "trent", "oscar", "sybil", "helpbot", GUEST, BRIDGED,
    ];
    for name in people {
        if let Some(client) = town.clients.get(name) {
            client.join(&room, None).await?;
        }
    }
    talk(&room, &town.all(&["carol", "trent", "oscar", "sybil"]), 10).await?;
    let picture = dave
        .upload(Some(PLAZA), "image/png", &plaza_picture())
        .await?;
    let avatar = json!({ "url": picture, "info": { "w": 1, "h": 1 } });
    dave.set_state(&room, "m.room.avatar", "", &avatar).await?;
    let aliases = json!({ "alias": town.alias("plaza"), "alt_aliases": [town.alias("märkt/1")] });
    dave.set_state(&room, "m.room.canonical_alias", "", &aliases)
        .await?;
    dave.set_power(&room, carol.user_id(), 100).await?;
    dave.leave(&room).await?;
    carol.set_alias(&town.alias("piazza"), &room).await?;
    Ok(vec![("plaza", room)])
}

/// Version 10, published for a while, then blocked.
pub(super) async fn sealed(town: &Town) -> Result<Vec<(&'static str, String)>> {
    let judy = town.who("judy");
    let room = judy
        .create_room(&json!({
            "room_version": "10",
            "preset": "public_chat",
            "visibility": "public",
            "room_alias_name": "sealed",
            "name": "Sealed",
        }))
        .await?;
    town.who("ivan").join(&room, None).await?;
    talk(&room, &town.all(&["judy", "ivan"]), 3).await?;
    let listing = v3(&["directory", "list", "room", &room]);
    judy.put(&listing, &json!({ "visibility": "private" }))
        .await?;
    let block = path("/_synapse/admin/v1/rooms", &[&room, "block"]);
    town.who("alice")
        .put(&block, &json!({ "block": true }))
        .await?;
    Ok(vec![("sealed", room)])
}

/// What comes of all rooms.
pub(super) fn directory(town: &Town, rooms: &BTreeMap<&'static str, String>) -> Directory {
    let of = |key: &&str| rooms[*key].clone();
    let aliases = [
        ("lobby", "lobby"),
        ("entrance", "lobby"),
        ("harbour", "harbour"),
        ("bäbel", "babel"),
        ("gate", "gate"),
        ("town", "space"),
        ("workshop", "workshop"),
        ("notices", "notices"),
        // It went along with the upgrade.
        ("hall", "new_hall"),
        ("plaza", "plaza"),
        ("märkt/1", "plaza"),
        ("piazza", "plaza"),
        ("sealed", "sealed"),
        // Only with the outskirts, like that room.
        ("deserted", "deserted"),
    ];
    Directory {
        aliases: aliases
            .iter()
            .filter_map(|(alias, room)| Some((town.alias(alias), rooms.get(room)?.clone())))
            .collect(),
        published: ["lobby", "notices", "space"].iter().map(of).collect(),
        blocked: ["sealed"].iter().map(of).collect(),
    }
}
