//! Rooms that people were banned from, thrown out of, invited to, left, or knock at.

use serde_json::json;

use super::{Town, talk::talk};
use crate::lab::Result;

type Made = Result<Vec<(&'static str, String)>>;

/// Version 6: Mallory was banned, and Ivan banned and pardoned.
pub(super) async fn gate(town: &Town) -> Made {
    let bob = town.who("bob");
    let room = bob
        .create_room(&json!({
            "room_version": "6",
            "preset": "public_chat",
            "room_alias_name": "gate",
            "name": "Gate",
        }))
        .await?;
    for guest in ["dave", "ivan", "mallory"] {
        town.who(guest).join(&room, None).await?;
    }
    talk(&room, &town.all(&["bob", "dave", "mallory"]), 10).await?;
    bob.ban(&room, town.id("mallory")).await?;
    bob.ban(&room, town.id("ivan")).await?;
    bob.unban(&room, town.id("ivan")).await?;
    talk(&room, &town.all(&["bob", "dave"]), 6).await?;
    Ok(vec![("gate", room)])
}

/// Version 9: Dave was thrown out and came back.
pub(super) async fn revolving(town: &Town) -> Made {
    let carol = town.who("carol");
    let room = carol
        .create_room(&json!({
            "room_version": "9",
            "preset": "public_chat",
            "name": "Revolving door",
        }))
        .await?;
    for guest in ["dave", "heidi"] {
        town.who(guest).join(&room, None).await?;
    }
    talk(&room, &town.all(&["carol", "dave"]), 6).await?;
    carol.kick(&room, town.id("dave")).await?;
    talk(&room, &town.all(&["carol", "heidi"]), 6).await?;
    town.who("dave").join(&room, None).await?;
    talk(&room, &town.all(&["dave", "carol", "heidi"]), 6).await?;
    Ok(vec![("revolving", room)])
}

/// Version 11: Dave made it, gave Erin the keys, and left.
pub(super) async fn orphan(town: &Town) -> Made {
    let dave = town.who("dave");
    let room = dave
        .create_room(&json!({
            "room_version": "11",
            "preset": "private_chat",
            "name": "Orphan",
        }))
        .await?;
    town.gather(&room, "dave", &["erin", "judy"]).await?;
    talk(&room, &town.all(&["dave", "erin"]), 6).await?;
    dave.set_power(&room, town.id("erin"), 100).await?;
    dave.leave(&room).await?;
    talk(&room, &town.all(&["erin", "judy"]), 8).await?;
    Ok(vec![("orphan", room)])
}

/// Version 10: Dave made it and talked with Heidi; both left it to Carol, who came late, and Judy, who came later.
pub(super) async fn late(town: &Town) -> Made {
    let dave = town.who("dave");
    let room = dave
        .create_room(&json!({
            "room_version": "10",
            "preset": "public_chat",
            "name": "Left to the late ones",
        }))
        .await?;
    let heidi = town.who("heidi");
    heidi.join(&room, None).await?;
    talk(&room, &town.all(&["dave", "heidi"]), 24).await?;
    let long = dave.say(&room, &"as long as it gets, ".repeat(700)).await?;
    let secret = heidi.say(&room, "I should not have said this").await?;
    dave.redact(&room, &secret, "asked to").await?;
    heidi.say(&room, &format!("about {long}")).await?;
    town.who("carol").join(&room, None).await?;
    talk(&room, &town.all(&["dave", "carol"]), 4).await?;
    dave.set_power(&room, town.id("carol"), 100).await?;
    dave.leave(&room).await?;
    heidi.leave(&room).await?;
    town.who("judy").join(&room, None).await?;
    talk(&room, &town.all(&["carol", "judy"]), 6).await?;
    Ok(vec![("late", room)])
}

/// Version 10: Heidi's invitation is open, Ivan has declined his.
pub(super) async fn waiting(town: &Town) -> Made {
    let grace = town.who("grace");
    let room = grace
        .create_room(&json!({
            "room_version": "10",
            "preset": "private_chat",
            "name": "Waiting room",
        }))
        .await?;
    town.gather(&room, "grace", &["frank"]).await?;
    grace.invite(&room, town.id("heidi")).await?;
    grace.invite(&room, town.id("ivan")).await?;
    town.who("ivan").leave(&room).await?;
    talk(&room, &town.all(&["grace", "frank"]), 6).await?;
    Ok(vec![("waiting", room)])
}

/// Version 10: Judy was let in, Ivan still knocks.
pub(super) async fn knock(town: &Town) -> Made {
    let frank = town.who("frank");
    let room = frank
        .create_room(&json!({
            "room_version": "10",
            "preset": "private_chat",
            "name": "Knock, please",
            "initial_state": [{
                "type": "m.room.join_rules",
                "content": { "join_rule": "knock" },
            }],
        }))
        .await?;
    town.who("judy").knock(&room, "It's me, Judy").await?;
    town.gather(&room, "frank", &["judy"]).await?;
    talk(&room, &town.all(&["frank", "judy"]), 6).await?;
    town.who("ivan").knock(&room, "Anybody there?").await?;
    Ok(vec![("knock", room)])
}
