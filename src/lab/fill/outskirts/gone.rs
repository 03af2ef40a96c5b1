//! Rooms that nobody is in any more, one that has lost its past, and one that has lost a speaker.

use std::time::Duration;

use serde_json::json;

use super::super::{Town, talk::talk};
use crate::lab::{
    LabError, Result,
    client::{field, v3},
    path::path,
};

/// How long Synapse may take to purge twenty events.
const PURGED: Duration = Duration::from_secs(30);

type Made = Result<Vec<(&'static str, String)>>;

/// Version 10: all have left, one has forgotten it; its alias is still there.
pub(super) async fn deserted(town: &Town) -> Made {
    let dave = town.who("dave");
    let room = dave
        .create_room(&json!({
            "room_version": "10",
            "preset": "public_chat",
            "room_alias_name": "deserted",
            "name": "Deserted",
        }))
        .await?;
    town.who("heidi").join(&room, None).await?;
    talk(&room, &town.all(&["dave", "heidi"]), 4).await?;
    dave.leave(&room).await?;
    town.who("heidi").leave(&room).await?;
    let forget = v3(&["rooms", &room, "forget"]);
    dave.post(&forget, &json!({})).await?;
    Ok(vec![("deserted", room)])
}

/// Version 10: its creator has left, and Heidi's invitation is all that is left of it.
pub(super) async fn stood_up(town: &Town) -> Made {
    let dave = town.who("dave");
    let room = dave
        .create_room(&json!({
            "room_version": "10",
            "preset": "private_chat",
            "name": "Stood up",
        }))
        .await?;
    dave.invite(&room, town.id("heidi")).await?;
    dave.leave(&room).await?;
    Ok(vec![("stood_up", room)])
}

/// Version 10: Victor, who is erased in the end, spoke there.
pub(super) async fn erased(town: &Town) -> Made {
    let judy = town.who("judy");
    let room = judy
        .create_room(&json!({
            "room_version": "10",
            "preset": "private_chat",
            "name": "Erased words",
        }))
        .await?;
    town.gather(&room, "judy", &["victor"]).await?;
    talk(&room, &town.all(&["victor", "judy"]), 6).await?;
    Ok(vec![("erased", room)])
}

/// Version 10, of which an admin has purged the first half of what was said. Gives the room and the IDs of the events
/// that are gone.
pub(super) async fn purged(town: &Town) -> Result<(String, Vec<String>)> {
    let (admin, erin) = (town.who("alice"), town.who("erin"));
    let room = erin
        .create_room(&json!({
            "room_version": "10",
            "preset": "private_chat",
            "name": "Without a past",
        }))
        .await?;
    town.gather(&room, "erin", &["judy"]).await?;
    let mut said = Vec::new();
    for number in 0..20 {
        said.push(erin.say(&room, &format!("number {number}")).await?);
    }
    let request = path("/_synapse/admin/v1/purge_history", &[&room, &said[10]]);
    let body = json!({ "delete_local_events": true });
    let purge = field(&admin.post(&request, &body).await?, &request, "purge_id")?;
    let status = path("/_synapse/admin/v1/purge_history_status", &[&purge]);
    for _ in 0..PURGED.as_millis() / 20 {
        if admin.get(&status).await?["status"] == "complete" {
            said.truncate(10);
            return Ok((room, said));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Err(LabError::Late {
        what: format!("the purge of {room}"),
        seconds: PURGED.as_secs(),
    })
}
