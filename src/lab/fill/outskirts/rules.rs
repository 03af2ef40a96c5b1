//! Rooms with rules of their own: who may come, which servers may, and what the clock says.

use serde_json::{Value, json};

use crate::lab::{
    Result,
    client::{Client, v3},
    fill::{
        Town,
        accounts::{BRIDGE_TOKEN, BRIDGED},
        talk::talk,
    },
    path::encode,
};

type Made = Result<Vec<(&'static str, String)>>;

/// Pieces of state of a kind that nobody knows.
const PIECES: usize = 120;
/// Older than every room: 2001, in milliseconds since the Unix epoch.
const LONG_AGO: u64 = 1_000_000_000_000;

/// All of them.
pub(super) async fn rules(town: &Town) -> Made {
    let (clubs, walled, alone, bridged, cluttered) = tokio::try_join!(
        clubs(town),
        walled(town),
        alone(town),
        bridged(town),
        cluttered(town)
    )?;
    let mut rooms = clubs;
    rooms.extend([
        ("walled", walled),
        ("alone", alone),
        ("bridged", bridged),
        ("cluttered", cluttered),
    ]);
    Ok(rooms)
}

/// Members of the club may enter its bar (version 9, restricted); its library is open to them and to those who knock
/// (version 10).
async fn clubs(town: &Town) -> Made {
    let erin = town.who("erin");
    let club = erin
        .create_room(&json!({ "room_version": "9", "preset": "public_chat", "name": "Club" }))
        .await?;
    town.who("frank").join(&club, None).await?;
    talk(&club, &town.all(&["erin", "frank"]), 3).await?;
    let mut rooms = Vec::new();
    for (key, version, rule) in [
        ("bar", "9", "restricted"),
        ("library", "10", "knock_restricted"),
    ] {
        let room = erin
            .create_room(&json!({
                "room_version": version,
                "preset": "private_chat",
                "name": key,
                "initial_state": [{
                    "type": "m.room.join_rules",
                    "content": {
                        "join_rule": rule,
                        "allow": [{ "type": "m.room_membership", "room_id": club }],
                    },
                }],
            }))
            .await?;
        town.who("frank").join(&room, None).await?;
        talk(&room, &town.all(&["erin", "frank"]), 4).await?;
        rooms.push((key, room));
    }
    rooms.push(("club", club));
    Ok(rooms)
}

/// Version 10: no server but those of a list may take part. This one is on it with its port, for Synapse, and without, as
/// the specification has it.
async fn walled(town: &Town) -> Result<String> {
    let bob = town.who("bob");
    let room = with(bob, "Walled", &json!({})).await?;
    town.who("grace").join(&room, None).await?;
    let host = town.server_name.split(':').next().unwrap_or_default();
    let list = json!({ "allow": [host, town.server_name, "*.example.org"], "deny": ["evil.example.org"], "allow_ip_literals": false });
    bob.set_state(&room, "m.room.server_acl", "", &list).await?;
    talk(&room, &town.all(&["bob", "grace"]), 5).await?;
    Ok(room)
}

/// Version 10: no other server may take part.
async fn alone(town: &Town) -> Result<String> {
    let judy = town.who("judy");
    let room = with(
        judy,
        "Alone",
        &json!({ "creation_content": { "m.federate": false } }),
    )
    .await?;
    town.who("carol").join(&room, None).await?;
    talk(&room, &town.all(&["judy", "carol"]), 5).await?;
    Ok(room)
}

/// Version 10: a bridge brought what was said long before the room was made, in the order in which it was said.
async fn bridged(town: &Town) -> Result<String> {
    let room = with(town.who("heidi"), "Bridged", &json!({})).await?;
    let walter = town.id(BRIDGED);
    let bridge = town.who("heidi").with_token("", BRIDGE_TOKEN);
    let join = format!("{}?user_id={}", v3(&["join", &room]), encode(walter));
    bridge.post(&join, &json!({})).await?;
    for number in 0..6_u64 {
        let send = v3(&[
            "rooms",
            &room,
            "send",
            "m.room.message",
            &format!("old{number}"),
        ]);
        let at = format!(
            "{send}?user_id={}&ts={}",
            encode(walter),
            LONG_AGO + number * 1000
        );
        let text = json!({ "msgtype": "m.text", "body": format!("said long ago, {number}") });
        bridge.put(&at, &text).await?;
    }
    talk(&room, &town.all(&["heidi"]), 3).await?;
    Ok(room)
}

/// Version 11, with a state of many pieces.
async fn cluttered(town: &Town) -> Result<String> {
    let heidi = town.who("heidi");
    let room = heidi
        .create_room(&json!({ "room_version": "11", "preset": "public_chat", "name": "Cluttered" }))
        .await?;
    for number in 0..PIECES {
        let content = json!({ "number": number });
        heidi
            .set_state(&room, "lab.piece", &format!("piece {number}"), &content)
            .await?;
    }
    Ok(room)
}

async fn with(maker: &Client, name: &str, more: &Value) -> Result<String> {
    let mut options = json!({ "room_version": "10", "preset": "public_chat", "name": name });
    if let (Some(options), Some(more)) = (options.as_object_mut(), more.as_object()) {
        options.extend(more.clone());
    }
    maker.create_room(&options).await
}
