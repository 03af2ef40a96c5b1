//! Rooms whose history has forks: while the ferry stood still, people on both sides went on.

use serde_json::json;

use super::{Ferry, Made, Neighbours};
use crate::lab::Result;

/// The versions of the rooms in which somebody is thrown out on one side while they speak on the other.
const VERSIONS: [&str; 4] = ["6", "10", "11", "12"];

/// Two times the ferry stands still; what was said the second time nobody has answered.
pub(super) async fn make(town: &Neighbours, ferry: &Ferry<'_>) -> Result<Vec<(String, String)>> {
    let mut rooms = Vec::new();
    for version in VERSIONS {
        rooms.push(theirs(town, &format!("kicked_{version}"), version).await?);
        rooms.push(ours(town, &format!("banned_{version}"), version).await?);
    }
    rooms.push(theirs(town, "demoted", "10").await?);
    rooms.push(ours(town, "comeback", "10").await?);
    rooms.push(create(town, "later", "11", "rita", &["rolf", "remo", "bert"]).await?);
    rooms.push(ours(town, "tips", "9").await?);
    let at = |key: &str| {
        rooms
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, room)| room.clone())
            .unwrap_or_default()
    };

    ferry.stop();
    let mut last = Vec::new();
    for version in VERSIONS {
        let (kicked, banned) = (
            at(&format!("kicked_{version}")),
            at(&format!("banned_{version}")),
        );
        last.push((kicked.clone(), kick(town, &kicked).await?));
        last.push((banned.clone(), ban(town, &banned).await?));
    }
    let demoted = at("demoted");
    last.push((demoted.clone(), demote(town, &demoted).await?));
    for key in ["comeback", "tips"] {
        let room = at(key);
        last.push((room.clone(), both_speak(town, &room).await?));
    }
    let later = at("later");
    town.who("rita").kick(&later, town.id("remo")).await?;
    let theirs = town.who("rolf").say(&later, "Is Bert there?").await?;
    let name = json!({ "displayname": "Bert, elsewhere", "membership": "join" });
    let member = "m.room.member";
    town.who("bert")
        .set_state(&later, member, town.id("bert"), &name)
        .await?;
    let ours = town.who("bert").say(&later, "I am here").await?;
    ferry.run();
    town.heard(&later, &ours, &["rita"]).await?;
    town.heard(&later, &theirs, &["bert"]).await?;
    for (room, (ours, theirs)) in last {
        town.heard(&room, &ours, &["rita"]).await?;
        town.heard(&room, &theirs, &["anna"]).await?;
    }
    for (key, room) in &rooms {
        if key != "tips" && key != "later" {
            town.talk(room, &["anna", "rita"], 4).await?;
        }
    }

    // Those of ours who are left came behind the fork.
    town.take_in(&later, "rita", &["anna", "cora"]).await?;
    town.who("bert").leave(&later).await?;
    town.talk(&later, &["anna", "rita", "cora", "rolf"], 5)
        .await?;
    let comeback = at("comeback");
    town.who("anna")
        .set_power(&comeback, town.id("dora"), 100)
        .await?;
    town.take_in(&comeback, "anna", &["dora"]).await?;
    for who in ["anna", "bert", "cora"] {
        town.who(who).leave(&comeback).await?;
    }
    let said = town.who("dora").say(&comeback, "They have gone").await?;
    town.heard(&comeback, &said, &["rita"]).await?;

    ferry.stop();
    let tips = at("tips");
    let (ours, theirs) = both_speak(town, &tips).await?;
    ferry.run();
    town.heard(&tips, &ours, &["rita"]).await?;
    town.heard(&tips, &theirs, &["anna"]).await?;
    Ok(rooms)
}

async fn create(town: &Neighbours, key: &str, version: &str, host: &str, guests: &[&str]) -> Made {
    let room = town
        .who(host)
        .create_room(&json!({
            "room_version": version,
            "preset": "private_chat",
            "name": key,
        }))
        .await?;
    town.take_in(&room, host, guests).await?;
    Ok((key.to_owned(), room))
}

/// Anna's, with everybody in it.
async fn ours(town: &Neighbours, key: &str, version: &str) -> Made {
    let everybody = ["bert", "cora", "rita", "rolf", "remo"];
    let (key, room) = create(town, key, version, "anna", &everybody).await?;
    let given = town
        .who("anna")
        .set_power(&room, town.id("rita"), 50)
        .await?;
    town.heard(&room, &given, &["rita"]).await?;
    town.talk(&room, &["anna", "rita", "bert", "rolf"], 4)
        .await?;
    Ok((key, room))
}

/// Rita's, with everybody in it.
async fn theirs(town: &Neighbours, key: &str, version: &str) -> Made {
    let everybody = ["rolf", "remo", "anna", "bert", "cora"];
    let (key, room) = create(town, key, version, "rita", &everybody).await?;
    let given = town
        .who("rita")
        .set_power(&room, town.id("anna"), 50)
        .await?;
    town.heard(&room, &given, &["anna"]).await?;
    town.talk(&room, &["anna", "rita", "bert", "rolf"], 4)
        .await?;
    Ok((key, room))
}

/// Rita throws Bert out while he goes on, and both sides set the topic.
async fn kick(town: &Neighbours, room: &str) -> Result<(String, String)> {
    town.who("rita").kick(room, town.id("bert")).await?;
    set_topic(town, room, "rita").await?;
    let theirs = town.who("rolf").say(room, "Bert is out").await?;
    for number in 0..4 {
        town.who("bert")
            .say(room, &format!("I am in, {number}"))
            .await?;
    }
    set_topic(town, room, "anna").await?;
    let ours = town.who("cora").say(room, "Bert is in").await?;
    Ok((ours, theirs))
}

/// Anna bans Rolf and Bert leaves, while Rolf goes on and is answered.
async fn ban(town: &Neighbours, room: &str) -> Result<(String, String)> {
    town.who("anna").ban(room, town.id("rolf")).await?;
    set_topic(town, room, "anna").await?;
    town.who("bert").leave(room).await?;
    let ours = town.who("cora").say(room, "Rolf is banned").await?;
    for number in 0..2 {
        town.who("rolf")
            .say(room, &format!("I am in, {number}"))
            .await?;
    }
    set_topic(town, room, "rita").await?;
    let theirs = town.who("remo").say(room, "Rolf is in").await?;
    Ok((ours, theirs))
}

/// Rita takes Anna's power while Anna uses it.
async fn demote(town: &Neighbours, room: &str) -> Result<(String, String)> {
    town.who("rita").set_power(room, town.id("anna"), 0).await?;
    let theirs = town.who("rolf").say(room, "Anna may nothing").await?;
    town.who("cora").say(room, "What may Anna?").await?;
    set_topic(town, room, "anna").await?;
    let name = json!({ "name": "named by Anna" });
    town.who("anna")
        .set_state(room, "m.room.name", "", &name)
        .await?;
    let ours = town.who("bert").say(room, "Anna may a lot").await?;
    Ok((ours, theirs))
}

/// Only talk, on both sides.
async fn both_speak(town: &Neighbours, room: &str) -> Result<(String, String)> {
    town.who("anna").say(room, "Is there anybody?").await?;
    town.who("rita").say(room, "Where are you?").await?;
    let ours = town.who("cora").say(room, "No").await?;
    let theirs = town.who("remo").say(room, "Away").await?;
    Ok((ours, theirs))
}

async fn set_topic(town: &Neighbours, room: &str, who: &str) -> Result<()> {
    let topic = json!({ "topic": format!("set by {who} alone") });
    town.who(who)
        .set_state(room, "m.room.topic", "", &topic)
        .await?;
    Ok(())
}
