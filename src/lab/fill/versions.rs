//! Rooms of the versions that the other rooms don't have.

use serde_json::json;

use super::{Town, talk::talk};
use crate::lab::Result;

/// Versions 3 and 4, whose event IDs are hashes in two alphabets, 5, 7 and 8.
pub(super) async fn middle_aged(town: &Town) -> Result<Vec<(&'static str, String)>> {
    let mut rooms = Vec::new();
    for (key, version) in [
        ("version_3", "3"),
        ("version_4", "4"),
        ("version_5", "5"),
        ("version_7", "7"),
        ("version_8", "8"),
    ] {
        rooms.push((key, room(town, version).await?));
    }
    Ok(rooms)
}

/// A small room of a version.
pub(super) async fn room(town: &Town, version: &str) -> Result<String> {
    let (heidi, ivan) = (town.who("heidi"), town.who("ivan"));
    let room = heidi
        .create_room(&json!({
            "room_version": version,
            "preset": "public_chat",
            "name": format!("Version {version}"),
        }))
        .await?;
    ivan.join(&room, None).await?;
    talk(&room, &[heidi, ivan], 4).await?;
    Ok(room)
}
