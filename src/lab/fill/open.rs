//! Rooms that anybody may find: the lobby, the harbour, Babel, the threads, the council and the notices.

use serde_json::json;

use super::{
    ODD, Town,
    talk::{in_thread, talk},
    voices::line,
};
use crate::lab::{Result, target::OPERATOR};

type Made = Result<Vec<(&'static str, String)>>;

/// Version 10, two aliases, listed, most of the town, an access list, a pinned message, changing topics.
pub(super) async fn lobby(town: &Town) -> Made {
    let alice = town.who("alice");
    let room = alice
        .create_room(&json!({
            "room_version": "10",
            "preset": "public_chat",
            "visibility": "public",
            "room_alias_name": "lobby",
            "name": "Lobby",
            "topic": "Everybody comes through here",
        }))
        .await?;
    alice.set_alias(&town.alias("entrance"), &room).await?;
    let guests = ["bob", "carol", "dave", "erin", "frank", "grace", "mallory"];
    for guest in guests.iter().chain(&["heidi", ODD, OPERATOR]) {
        town.who(guest).join(&town.alias("lobby"), None).await?;
    }
    let acl = json!({ "allow": ["*"], "deny": ["evil.example.org"], "allow_ip_literals": true });
    alice
        .set_state(&room, "m.room.server_acl", "", &acl)
        .await?;
    let speakers = town.all(&["alice", "bob", "mallory", "carol", ODD]);
    let said = talk(&room, &speakers, 40).await?;
    for (number, topic) in ["Now with tea", "Now without", "Tea again ☕"]
        .iter()
        .enumerate()
    {
        let topic = json!({ "topic": topic });
        alice.set_state(&room, "m.room.topic", "", &topic).await?;
        town.who("grace").say(&room, line(number)).await?;
    }
    let name = json!({ "name": "The Lobby" });
    alice.set_state(&room, "m.room.name", "", &name).await?;
    let pinned = json!({ "pinned": [said[0]] });
    alice
        .set_state(&room, "m.room.pinned_events", "", &pinned)
        .await?;
    // Nobody's command: neither the old server's nor the new one's.
    let operator = town.who(OPERATOR);
    operator.say(&room, "\\!admin users list-users").await?;
    operator.say(&room, "!ferry help").await?;
    Ok(vec![("lobby", room)])
}

/// Version 6, two who talk a lot.
pub(super) async fn harbour(town: &Town) -> Made {
    let bob = town.who("bob");
    let room = bob
        .create_room(&json!({
            "room_version": "6",
            "preset": "public_chat",
            "room_alias_name": "harbour",
            "name": "Harbour",
        }))
        .await?;
    town.who("carol").join(&room, None).await?;
    talk(&room, &town.all(&["bob", "carol"]), 60).await?;
    Ok(vec![("harbour", room)])
}

/// Version 12 by the user with the odd name, an alias that isn't ASCII, a name that changes script.
pub(super) async fn babel(town: &Town) -> Made {
    let odd = town.who(ODD);
    let room = odd
        .create_room(&json!({
            "room_version": "12",
            "preset": "public_chat",
            "room_alias_name": "bäbel",
            "name": "Babel",
        }))
        .await?;
    for guest in ["grace", "ivan", "judy"] {
        town.who(guest).join(&room, None).await?;
    }
    talk(&room, &town.all(&[ODD, "grace", "ivan", "judy"]), 30).await?;
    for name in ["Βαβέλ", "バベル", "Вавилон", "בבל"] {
        let name = json!({ "name": name });
        odd.set_state(&room, "m.room.name", "", &name).await?;
    }
    Ok(vec![("babel", room)])
}

/// Version 11, three threads.
pub(super) async fn threads(town: &Town) -> Made {
    let carol = town.who("carol");
    let room = carol
        .create_room(&json!({
            "room_version": "11",
            "preset": "public_chat",
            "name": "Threads",
        }))
        .await?;
    for guest in ["dave", "erin"] {
        town.who(guest).join(&room, None).await?;
    }
    let speakers = town.all(&["carol", "dave", "erin"]);
    for root in talk(&room, &speakers, 3).await? {
        let mut last = root.clone();
        for number in 0..8 {
            let content = in_thread(&root, &last, line(number));
            last = speakers[number % 3]
                .send(&room, "m.room.message", &content)
                .await?;
        }
        speakers[1].redact(&room, &last, "wrong thread").await?;
    }
    Ok(vec![("threads", room)])
}

/// Version 12, power that comes and goes.
pub(super) async fn council(town: &Town) -> Made {
    let alice = town.who("alice");
    let room = alice
        .create_room(&json!({
            "room_version": "12",
            "preset": "private_chat",
            "name": "Council",
            "power_level_content_override": { "invite": 50 },
        }))
        .await?;
    town.gather(&room, "alice", &["bob", "erin", "judy"])
        .await?;
    let changes = [
        ("bob", 50),
        ("erin", 75),
        ("bob", 60),
        ("erin", 0),
        ("judy", 50),
    ];
    for (number, (name, level)) in changes.into_iter().enumerate() {
        alice.set_power(&room, town.id(name), level).await?;
        town.who(name).say(&room, line(number)).await?;
    }
    let topic = json!({ "topic": "Set by Judy, who may" });
    town.who("judy")
        .set_state(&room, "m.room.topic", "", &topic)
        .await?;
    talk(&room, &town.all(&["alice", "bob", "judy"]), 12).await?;
    Ok(vec![("council", room)])
}

/// Version 10, where only its creator speaks.
pub(super) async fn notices(town: &Town) -> Made {
    let alice = town.who("alice");
    let room = alice
        .create_room(&json!({
            "room_version": "10",
            "preset": "public_chat",
            "visibility": "public",
            "room_alias_name": "notices",
            "name": "Notices",
            "power_level_content_override": { "events_default": 50 },
        }))
        .await?;
    for reader in ["bob", "heidi", "ivan", OPERATOR] {
        town.who(reader).join(&room, None).await?;
    }
    for number in 0..6 {
        let notice = json!({ "msgtype": "m.notice", "body": line(number) });
        alice.send(&room, "m.room.message", &notice).await?;
    }
    Ok(vec![("notices", room)])
}
