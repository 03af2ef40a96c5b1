//! A room that was upgraded: the old one has a tombstone, the new one took over alias and people.

use serde_json::json;

use super::{Town, talk::talk};
use crate::lab::{Result, client::field, path::path};

/// From version 9 to version 12.
pub(super) async fn hall(town: &Town) -> Result<Vec<(&'static str, String)>> {
    let judy = town.who("judy");
    let old = judy
        .create_room(&json!({
            "room_version": "9",
            "preset": "public_chat",
            "room_alias_name": "hall",
            "name": "Hall",
        }))
        .await?;
    let guests = ["alice", "frank"];
    for guest in guests {
        town.who(guest).join(&old, None).await?;
    }
    let speakers = town.all(&["judy", "alice", "frank"]);
    talk(&old, &speakers, 14).await?;
    let upgrade = path("/_matrix/client/v3/rooms", &[&old, "upgrade"]);
    let answer = judy.post(&upgrade, &json!({ "new_version": "12" })).await?;
    let new = field(&answer, "upgrade", "replacement_room")?;
    for guest in guests {
        town.who(guest).join(&new, None).await?;
    }
    talk(&new, &speakers, 12).await?;
    Ok(vec![("old_hall", old), ("new_hall", new)])
}
