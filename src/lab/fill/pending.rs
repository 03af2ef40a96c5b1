//! Invitations and knocks that nobody has answered yet.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Town;
use crate::lab::{LabError, Result, path::encode};

/// An open invitation or knock.
#[derive(Debug, Clone, PartialEq)]
pub struct Pending {
    /// Who is invited, or knocks.
    pub user_id: String,
    /// Where.
    pub room: String,
    /// `invite` or `knock`.
    pub membership: &'static str,
    /// The stripped state as Synapse serves it to this user: events with `type`, `state_key`, `sender`, `content`.
    pub stripped: Vec<Value>,
}

/// Version 11, a direct chat that Erin has not accepted yet.
pub(super) async fn asked(town: &Town) -> Result<Vec<(&'static str, String)>> {
    let room = town
        .who("alice")
        .create_room(&json!({
            "room_version": "11",
            "preset": "trusted_private_chat",
            "is_direct": true,
            "name": "May I ask you something?",
            "topic": "Eine Frage 🙋",
            "invite": [town.id("erin")],
        }))
        .await?;
    Ok(vec![("asked", room)])
}

/// What is open in the end.
pub(super) async fn pending(
    town: &Town,
    rooms: &BTreeMap<&'static str, String>,
) -> Result<Vec<Pending>> {
    let mut pending = Vec::new();
    for (name, room, membership) in [
        ("erin", "asked", "invite"),
        ("heidi", "stood_up", "invite"),
        ("heidi", "waiting", "invite"),
        ("ivan", "knock", "knock"),
        ("ivan", "unanswered", "knock"),
    ] {
        // Some of them are in the outskirts, which may not be there.
        let Some(room) = rooms.get(room).cloned() else {
            continue;
        };
        pending.push(Pending {
            user_id: town.id(name).to_owned(),
            stripped: stripped(town, name, &room, membership).await?,
            room,
            membership,
        });
    }
    Ok(pending)
}

async fn stripped(town: &Town, name: &str, room: &str, membership: &str) -> Result<Vec<Value>> {
    let filter = json!({ "room": { "rooms": [room] }, "presence": { "types": [] } });
    let path = "/_matrix/client/v3/sync";
    let filter = encode(&filter.to_string());
    let answer = town
        .who(name)
        .get(&format!("{path}?filter={filter}"))
        .await?;
    let state = &answer["rooms"][membership][room][format!("{membership}_state")]["events"];
    state.as_array().cloned().ok_or_else(|| LabError::Missing {
        request: path.to_owned(),
        field: "events",
        body: answer["rooms"][membership].clone(),
    })
}
