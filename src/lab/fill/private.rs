//! Rooms by invitation: a cellar, a direct chat, one whose history newcomers can't read.

use serde_json::json;

use super::{Town, talk::talk, voices::line};
use crate::lab::{Result, target::OPERATOR};

type Made = Result<Vec<(&'static str, String)>>;

/// Version 9; the operator is in it, and an event of a kind that nobody knows.
pub(super) async fn cellar(town: &Town) -> Made {
    let erin = town.who("erin");
    let room = erin
        .create_room(&json!({
            "room_version": "9",
            "preset": "private_chat",
            "name": "Cellar",
        }))
        .await?;
    town.gather(&room, "erin", &["frank", "grace", OPERATOR])
        .await?;
    talk(&room, &town.all(&["erin", "frank", "grace"]), 15).await?;
    let depth = json!({ "metres": 3, "by": { "hand": [true, null, "ja"] } });
    erin.send(&room, "org.example.sounding", &depth).await?;
    Ok(vec![("cellar", room)])
}

/// Version 11; both mark it as direct in their account data.
pub(super) async fn dm(town: &Town) -> Made {
    let (alice, bob) = (town.who("alice"), town.who("bob"));
    let room = alice
        .create_room(&json!({
            "room_version": "11",
            "preset": "trusted_private_chat",
            "is_direct": true,
            "invite": [bob.user_id()],
        }))
        .await?;
    bob.join(&room, None).await?;
    talk(&room, &[alice, bob], 14).await?;
    Ok(vec![("dm", room)])
}

/// Version 10 with `history_visibility: joined`: Ivan came late, and Carol left early.
pub(super) async fn since(town: &Town) -> Made {
    let frank = town.who("frank");
    let room = frank
        .create_room(&json!({
            "room_version": "10",
            "preset": "private_chat",
            "name": "Since you joined",
            "initial_state": [{
                "type": "m.room.history_visibility",
                "content": { "history_visibility": "joined" },
            }],
        }))
        .await?;
    town.gather(&room, "frank", &["carol"]).await?;
    talk(&room, &town.all(&["frank", "carol"]), 8).await?;
    town.who("carol").leave(&room).await?;
    town.gather(&room, "frank", &["ivan"]).await?;
    for number in 0..5 {
        town.who("ivan").say(&room, line(number)).await?;
    }
    Ok(vec![("since", room)])
}
