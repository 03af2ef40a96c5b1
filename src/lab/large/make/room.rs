//! A room's life: made, joined, talked in, left by some.

use serde_json::{Value, json};

use super::{
    super::plan::{Kind, Room},
    Making, files,
};
use crate::lab::{
    Result,
    client::Client,
    fill::{edit, emoji, envelope, in_thread, line, reaction, reply},
    path::path,
};

/// Makes one room of the plan with all that happens in it, one event after the other as in a quiet room.
pub(super) async fn make(making: &Making<'_>, place: usize) -> Result<()> {
    let room = &making.plan.rooms[place];
    let id = create(making, room).await?;
    let creator = making.who(room.members[0]);
    for alias in room.aliases.iter().skip(1) {
        let alias = format!("#{alias}:{}", making.synapse.server_name());
        creator.set_alias(&alias, &id).await?;
    }
    // Half of them see the first half of the talk.
    let (early, late) = room.members[1..].split_at(room.members.len() / 2);
    let gone: Vec<usize> = [&room.left, &room.kicked, &room.banned]
        .into_iter()
        .flatten()
        .copied()
        .collect();
    enter(making, room, &id, early).await?;
    enter(making, room, &id, &gone).await?;
    let present: Vec<usize> = [&room.members[..=early.len()], &gone].concat();
    let last = talk(making, room, &id, &present, 0..room.messages / 2).await?;
    go(making, room, &id).await?;
    enter(making, room, &id, late).await?;
    for &guest in &room.invited {
        creator.invite(&id, making.id(guest)).await?;
    }
    let last = talk(
        making,
        room,
        &id,
        &room.members,
        room.messages / 2..room.messages,
    )
    .await?
    .or(last);
    if let Some(last) = last {
        read(making, room, &id, &last).await?;
    }
    for &(person, tag) in &room.tags {
        let user = making.who(person);
        let path = path(
            "/_matrix/client/v3/user",
            &[user.user_id(), "rooms", &id, "tags", tag],
        );
        user.put(&path, &json!({ "order": 0.5 })).await?;
    }
    if let Ok(mut rooms) = making.rooms.lock() {
        rooms.insert(place, id);
    }
    Ok(())
}

async fn create(making: &Making<'_>, room: &Room) -> Result<String> {
    let creator = making.who(room.members[0]);
    let public = matches!(room.kind, Kind::Public | Kind::Space);
    let mut state = Vec::new();
    if room.encrypted {
        state.push(json!({
            "type": "m.room.encryption",
            "content": { "algorithm": "m.megolm.v1.aes-sha2" },
        }));
    }
    if let Some(size) = room.avatar {
        let uri = files::picture(creator, size).await?;
        state.push(json!({ "type": "m.room.avatar", "content": { "url": uri } }));
    }
    for (order, child) in room
        .children
        .iter()
        .filter_map(|&child| making.room(child))
        .enumerate()
    {
        state.push(json!({
            "type": "m.space.child",
            "state_key": child,
            "content": { "via": [making.synapse.server_name()], "order": format!("{order:03}") },
        }));
    }
    let mut options = json!({
        "room_version": room.version,
        "preset": match room.kind {
            Kind::Public | Kind::Space => "public_chat",
            Kind::Private => "private_chat",
            Kind::Direct => "trusted_private_chat",
        },
        "visibility": if public { "public" } else { "private" },
        "is_direct": room.kind == Kind::Direct,
        "initial_state": state,
    });
    if !public {
        options["invite"] = room.members[1..]
            .iter()
            .map(|&one| making.id(one))
            .collect();
    }
    if room.kind == Kind::Space {
        options["creation_content"] = json!({ "type": "m.space" });
    }
    for (key, value) in [
        ("name", room.name.as_ref()),
        ("topic", room.topic.as_ref()),
        ("room_alias_name", room.aliases.first()),
    ] {
        if let Some(value) = value {
            options[key] = json!(value);
        }
    }
    creator.create_room(&options).await
}

/// Members of private rooms are invited at the creation, guests who will go are not yet.
async fn enter(making: &Making<'_>, room: &Room, id: &str, people: &[usize]) -> Result<()> {
    for &person in people {
        if room.kind == Kind::Private && !room.members.contains(&person) {
            making
                .who(room.members[0])
                .invite(id, making.id(person))
                .await?;
        }
        making.who(person).join(id, None).await?;
    }
    Ok(())
}

async fn go(making: &Making<'_>, room: &Room, id: &str) -> Result<()> {
    let creator = making.who(room.members[0]);
    for &person in &room.left {
        making.who(person).leave(id).await?;
    }
    for &person in &room.kicked {
        creator.kick(id, making.id(person)).await?;
    }
    for &person in &room.banned {
        creator.ban(id, making.id(person)).await?;
    }
    Ok(())
}

/// Gives the last message's ID.
async fn talk(
    making: &Making<'_>,
    room: &Room,
    id: &str,
    people: &[usize],
    messages: std::ops::Range<usize>,
) -> Result<Option<String>> {
    let mut said: Vec<String> = Vec::new();
    let first = messages.start;
    for number in messages {
        let who = making.who(people[number * 7 % people.len()]);
        let file = room.files.get(number).copied();
        let (kind, content) = if room.encrypted {
            ("m.room.encrypted", envelope(number))
        } else if let Some(size) = file {
            ("m.room.message", file_message(who, number, size).await?)
        } else {
            plain(&said, number, line(number))
        };
        said.push(who.send(id, kind, &content).await?);
        if number % 29 == 28 && number > first {
            let message = &said[said.len() - 2];
            making
                .who(room.members[0])
                .redact(id, message, "tidied up")
                .await?;
        }
    }
    Ok(said.pop())
}

async fn file_message(who: &Client, number: usize, size: usize) -> Result<Value> {
    Ok(if number.is_multiple_of(2) {
        let uri = files::picture(who, size).await?;
        json!({ "msgtype": "m.image", "body": "picture.png", "url": uri,
            "info": { "mimetype": "image/png", "size": size, "w": 1, "h": 1 } })
    } else {
        let name = format!("document {number}.bin");
        let uri = files::document(who, &name, size).await?;
        json!({ "msgtype": "m.file", "body": name, "url": uri,
            "info": { "mimetype": "application/octet-stream", "size": size } })
    })
}

/// Mostly plain messages, with what else is in a talk.
fn plain(said: &[String], number: usize, text: &str) -> (&'static str, Value) {
    let Some(last) = said.last() else {
        return (
            "m.room.message",
            json!({ "msgtype": "m.text", "body": text }),
        );
    };
    match number % 12 {
        3 => ("m.reaction", reaction(last, emoji(number))),
        5 => ("m.room.message", reply(last, text)),
        8 => ("m.room.message", in_thread(&said[0], last, text)),
        // By another sender as a rule: servers keep it, clients pass over it.
        11 => ("m.room.message", edit(last, text)),
        _ => (
            "m.room.message",
            json!({ "msgtype": "m.text", "body": text }),
        ),
    }
}

async fn read(making: &Making<'_>, room: &Room, id: &str, last: &str) -> Result<()> {
    for &person in &room.readers {
        let user = making.who(person);
        if person % 3 == 0 {
            let markers = path("/_matrix/client/v3/rooms", &[id, "read_markers"]);
            user.post(&markers, &json!({ "m.fully_read": last, "m.read": last }))
                .await?;
        } else {
            let kind = if person % 3 == 1 {
                "m.read"
            } else {
                "m.read.private"
            };
            let receipt = path("/_matrix/client/v3/rooms", &[id, "receipt", kind, last]);
            user.post(&receipt, &json!({})).await?;
        }
    }
    Ok(())
}
