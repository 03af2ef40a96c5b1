//! Rooms of both servers in which everybody has always heard everything: one straight line of history each.

use serde_json::json;

use super::{Made, Neighbours};
use crate::lab::Result;

pub(super) async fn make(town: &Neighbours) -> Result<Vec<(String, String)>> {
    Ok(vec![
        ours(town, "10").await?,
        ours(town, "12").await?,
        theirs(town, "6").await?,
        theirs(town, "11").await?,
        theirs(town, "12").await?,
        left(town).await?,
        dm(town).await?,
        gone(town).await?,
        asked(town).await?,
    ])
}

async fn create(town: &Neighbours, who: &str, version: &str, name: &str) -> Result<String> {
    let options = json!({
        "room_version": version,
        "preset": "private_chat",
        "name": name,
        "power_level_content_override": { "invite": 0 },
    });
    town.who(who).create_room(&options).await
}

/// Anna made it; two of the other server are in, one of them a moderator.
async fn ours(town: &Neighbours, version: &str) -> Made {
    let room = create(town, "anna", version, &format!("Ours, {version}")).await?;
    town.take_in(&room, "anna", &["bert", "rita", "rolf"])
        .await?;
    town.who("anna")
        .set_power(&room, town.id("rita"), 50)
        .await?;
    let said = town
        .talk(&room, &["anna", "rita", "bert", "rolf"], 8)
        .await?;
    redact_one_each(town, &room, &said).await?;
    let topic = json!({ "topic": "set by the other server" });
    let set = town
        .who("rita")
        .set_state(&room, "m.room.topic", "", &topic)
        .await?;
    town.heard(&room, &set, &["anna"]).await?;
    town.talk(&room, &["rolf", "anna"], 2).await?;
    Ok((format!("ours_{version}"), room))
}

/// Rita made it; Anna and Bert came in.
async fn theirs(town: &Neighbours, version: &str) -> Made {
    let room = create(town, "rita", version, &format!("Theirs, {version}")).await?;
    town.take_in(&room, "rita", &["rolf"]).await?;
    town.talk(&room, &["rita", "rolf"], 3).await?;
    town.take_in(&room, "rita", &["anna"]).await?;
    let first = town
        .talk(&room, &["anna", "rita", "rolf", "anna"], 4)
        .await?;
    town.take_in(&room, "anna", &["bert"]).await?;
    redact_one_each(town, &room, &first).await?;
    let topic = json!({ "topic": "set where the room was made" });
    let set = town
        .who("rita")
        .set_state(&room, "m.room.topic", "", &topic)
        .await?;
    town.heard(&room, &set, &["anna"]).await?;
    town.talk(&room, &["bert", "rolf", "anna", "rita"], 4)
        .await?;
    Ok((format!("theirs_{version}"), room))
}

/// Rolf made it, gave Anna the keys, and left.
async fn left(town: &Neighbours) -> Made {
    let room = create(town, "rolf", "6", "Its maker has left").await?;
    town.take_in(&room, "rolf", &["anna", "rita"]).await?;
    town.talk(&room, &["rolf", "anna"], 4).await?;
    let given = town
        .who("rolf")
        .set_power(&room, town.id("anna"), 100)
        .await?;
    town.heard(&room, &given, &["anna"]).await?;
    town.take_in(&room, "anna", &["cora"]).await?;
    // Else his leaving may be on a fork beside her coming.
    town.joined(&room, "rolf", "cora").await?;
    town.who("rolf").leave(&room).await?;
    let of_rolf =
        crate::lab::client::v3(&["rooms", &room, "state", "m.room.member", town.id("rolf")]);
    town.until("rolf's leaving", || async {
        let member = town.who("anna").get(&of_rolf).await;
        member.is_ok_and(|content| content["membership"] == "leave")
    })
    .await?;
    town.talk(&room, &["anna", "rita", "cora"], 5).await?;
    Ok(("left".to_owned(), room))
}

/// A direct chat of Anna and Rita.
async fn dm(town: &Neighbours) -> Made {
    let room = town
        .who("anna")
        .create_room(&json!({
            "room_version": "11",
            "preset": "trusted_private_chat",
            "is_direct": true,
            "invite": [town.id("rita")],
        }))
        .await?;
    town.who("rita").join(&room, Some(&town.source)).await?;
    town.joined(&room, "anna", "rita").await?;
    town.talk(&room, &["anna", "rita"], 6).await?;
    Ok(("dm".to_owned(), room))
}

/// Rita's; Bert, the only one of ours, has left.
async fn gone(town: &Neighbours) -> Made {
    let room = create(town, "rita", "10", "Bert has left").await?;
    town.take_in(&room, "rita", &["rolf", "bert"]).await?;
    town.talk(&room, &["bert", "rita"], 4).await?;
    town.who("bert").leave(&room).await?;
    town.talk(&room, &["rita", "rolf"], 1).await?;
    Ok(("gone".to_owned(), room))
}

/// Rita's; Cora has not answered, and nobody else of ours is in.
async fn asked(town: &Neighbours) -> Made {
    let room = create(town, "rita", "10", "Cora is asked").await?;
    town.who("rita").invite(&room, town.id("cora")).await?;
    Ok(("asked".to_owned(), room))
}

/// A redaction from each server, each of what somebody of that server has said.
async fn redact_one_each(town: &Neighbours, room: &str, said: &[String]) -> Result<()> {
    for (who, event) in [("anna", &said[0]), ("rita", &said[1])] {
        let redaction = town.who(who).redact(room, event, "said too much").await?;
        town.heard(room, &redaction, &["anna", "rita"]).await?;
    }
    Ok(())
}
