//! An encrypted room: to a server its messages are sealed envelopes, and so they are here.

use serde_json::{Value, json};

use super::{
    Town,
    talk::reaction,
    voices::{emoji, line},
};
use crate::lab::Result;

/// Version 10, Megolm from the first event on.
pub(super) async fn vault(town: &Town) -> Result<Vec<(&'static str, String)>> {
    let room = town
        .who("grace")
        .create_room(&json!({
            "room_version": "10",
            "preset": "private_chat",
            "name": "Vault",
            "initial_state": [{
                "type": "m.room.encryption",
                "content": { "algorithm": "m.megolm.v1.aes-sha2" },
            }],
        }))
        .await?;
    town.gather(&room, "grace", &["heidi", "judy"]).await?;
    let speakers = town.all(&["grace", "heidi", "judy"]);
    for number in 0..18 {
        let id = speakers[number % 3]
            .send(&room, "m.room.encrypted", &envelope(number))
            .await?;
        if number % 5 == 0 {
            let reaction = reaction(&id, emoji(number));
            speakers[(number + 1) % 3]
                .send(&room, "m.reaction", &reaction)
                .await?;
        }
        if number == 11 {
            speakers[number % 3]
                .redact(&room, &id, "sealed and gone")
                .await?;
        }
    }
    Ok(vec![("vault", room)])
}

/// It has the shape of Megolm and holds nothing.
pub(in crate::lab) fn envelope(number: usize) -> Value {
    let ciphertext = ruma::serde::Base64::<ruma::serde::base64::Standard, _>::new(line(number));
    json!({
        "algorithm": "m.megolm.v1.aes-sha2",
        "ciphertext": ciphertext.encode(),
        "device_id": "LABDEVICE",
        "sender_key": "A".repeat(43),
        "session_id": format!("{number:0>43}"),
    })
}
