//! A space with two rooms in it; one of them lets in whoever is in the space.

use serde_json::json;

use super::{Town, talk::talk};
use crate::lab::Result;

/// Version 10 space, version 11 workshop, version 10 restricted back room.
pub(super) async fn space(town: &Town) -> Result<Vec<(&'static str, String)>> {
    let alice = town.who("alice");
    let space = alice
        .create_room(&json!({
            "room_version": "10",
            "preset": "public_chat",
            "visibility": "public",
            "room_alias_name": "town",
            "name": "Town",
            "creation_content": { "type": "m.space" },
            "power_level_content_override": { "events_default": 100 },
        }))
        .await?;
    for guest in ["bob", "carol", "grace"] {
        town.who(guest).join(&space, None).await?;
    }
    let workshop = child(
        town,
        &space,
        json!({ "room_version": "11", "preset": "public_chat", "name": "Workshop", "room_alias_name": "workshop" }),
    )
    .await?;
    let back_room = child(
        town,
        &space,
        json!({
            "room_version": "10",
            "preset": "private_chat",
            "name": "Back room",
            "initial_state": [{
                "type": "m.room.join_rules",
                "content": {
                    "join_rule": "restricted",
                    "allow": [{ "type": "m.room_membership", "room_id": space }],
                },
            }],
        }),
    )
    .await?;
    for guest in ["bob", "carol"] {
        town.who(guest).join(&workshop, None).await?;
        town.who(guest).join(&back_room, None).await?;
    }
    let speakers = town.all(&["alice", "bob", "carol"]);
    talk(&workshop, &speakers, 16).await?;
    talk(&back_room, &speakers, 10).await?;
    Ok(vec![
        ("space", space),
        ("workshop", workshop),
        ("back_room", back_room),
    ])
}

/// A room that knows its space and is known there.
async fn child(town: &Town, space: &str, options: serde_json::Value) -> Result<String> {
    let alice = town.who("alice");
    let room = alice.create_room(&options).await?;
    let via = json!({ "via": [town.server_name], "canonical": true });
    alice
        .set_state(&room, "m.space.parent", space, &via)
        .await?;
    let via = json!({ "via": [town.server_name], "suggested": true });
    alice.set_state(space, "m.space.child", &room, &via).await?;
    Ok(room)
}
