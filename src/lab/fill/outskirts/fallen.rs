//! Rooms whose maker has lost them: thrown out, stepped back, closed, come back, or gone while somebody knocked.

use serde_json::json;

use crate::lab::{
    Result,
    fill::{Town, talk::talk},
};

type Made = Result<Vec<(&'static str, String)>>;

/// All of them, of version 10.
pub(super) async fn fallen(town: &Town) -> Made {
    let (usurped, abdicated, orphaned, returned, unanswered) = tokio::try_join!(
        usurped(town),
        abdicated(town),
        orphaned(town),
        returned(town),
        unanswered(town)
    )?;
    Ok(vec![
        ("usurped", usurped),
        ("abdicated", abdicated),
        ("orphaned", orphaned),
        ("returned", returned),
        ("unanswered", unanswered),
    ])
}

async fn made(town: &Town, maker: &str, name: &str) -> Result<String> {
    town.who(maker)
        .create_room(&json!({ "room_version": "10", "preset": "public_chat", "name": name }))
        .await
}

/// Ivan made it, gave it to Judy, and was banned by her.
async fn usurped(town: &Town) -> Result<String> {
    let (ivan, judy) = (town.who("ivan"), town.who("judy"));
    let room = made(town, "ivan", "Usurped").await?;
    for guest in ["judy", "bob"] {
        town.who(guest).join(&room, None).await?;
    }
    talk(&room, &[ivan, judy], 4).await?;
    ivan.set_power(&room, town.id("judy"), 100).await?;
    ivan.set_power(&room, town.id("ivan"), 0).await?;
    judy.ban(&room, town.id("ivan")).await?;
    talk(&room, &town.all(&["judy", "bob"]), 4).await?;
    Ok(room)
}

/// Carol made it and has no power in it any more.
async fn abdicated(town: &Town) -> Result<String> {
    let (carol, dave) = (town.who("carol"), town.who("dave"));
    let room = made(town, "carol", "Abdicated").await?;
    dave.join(&room, None).await?;
    carol.set_power(&room, town.id("dave"), 100).await?;
    carol.set_power(&room, town.id("carol"), 0).await?;
    dave.set_state(&room, "m.room.topic", "", &json!({ "topic": "Dave's now" }))
        .await?;
    talk(&room, &[carol, dave], 4).await?;
    Ok(room)
}

/// Victor made it, who is closed in the end, and with that leaves.
async fn orphaned(town: &Town) -> Result<String> {
    let (victor, grace) = (town.who("victor"), town.who("grace"));
    let room = made(town, "victor", "Made by one who is no more").await?;
    grace.join(&room, None).await?;
    victor.set_power(&room, town.id("grace"), 100).await?;
    talk(&room, &[victor, grace], 4).await?;
    Ok(room)
}

/// Heidi made it, left, and came back.
async fn returned(town: &Town) -> Result<String> {
    let (heidi, erin) = (town.who("heidi"), town.who("erin"));
    let room = made(town, "heidi", "Heidi is back").await?;
    erin.join(&room, None).await?;
    talk(&room, &[heidi, erin], 4).await?;
    heidi.leave(&room).await?;
    talk(&room, &[erin], 3).await?;
    heidi.join(&room, None).await?;
    talk(&room, &[heidi, erin], 3).await?;
    Ok(room)
}

/// Dave made it and left it while Ivan knocked.
async fn unanswered(town: &Town) -> Result<String> {
    let dave = town.who("dave");
    let room = dave
        .create_room(&json!({
            "room_version": "10",
            "preset": "private_chat",
            "name": "Nobody opens",
            "initial_state": [{
                "type": "m.room.join_rules",
                "content": { "join_rule": "knock" },
            }],
        }))
        .await?;
    town.who("ivan").knock(&room, "Is anybody there?").await?;
    dave.leave(&room).await?;
    Ok(room)
}
