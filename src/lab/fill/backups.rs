//! Key backups: opaque sessions, in versions of which only the newest takes any more.
//!
//! Shapes: [Server-side key backups](https://spec.matrix.org/v1.16/client-server-api/#server-side-key-backups).

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Town, signing_key::random_key};
use crate::lab::{
    Result,
    client::{Client, field, v3},
};

const ALGORITHM: &str = "m.megolm_backup.v1.curve25519-aes-sha2";

/// One version of somebody's backup.
#[derive(Debug, Clone, PartialEq)]
pub struct Backup {
    /// The server's name for it.
    pub version: String,
    /// How the sessions are encrypted.
    pub algorithm: String,
    /// The public key and its signatures, as sent.
    pub auth_data: Value,
    /// Deleted afterwards: then the server has neither it nor its sessions.
    pub deleted: bool,
    /// Room ID → session ID → what was sent.
    pub sessions: BTreeMap<String, BTreeMap<String, Value>>,
}

/// Bob: an older version that still is there, a deleted one, the current one. Grace: one with 240 sessions.
pub(super) async fn back_up(
    town: &Town,
    rooms: &BTreeMap<&'static str, String>,
) -> Result<BTreeMap<String, Vec<Backup>>> {
    let (bob, grace) = (town.who("bob"), town.who("grace"));
    let mut of_bob = Vec::new();
    for sessions in [2, 1, 3] {
        let rooms = [&rooms["dm"], &rooms["workshop"], &rooms["lobby"]];
        of_bob.push(make(bob, &rooms, sessions).await?);
    }
    let path = v3(&["room_keys", "version", &of_bob[1].version]);
    bob.request(reqwest::Method::DELETE, &path, None).await?;
    of_bob[1].deleted = true;
    let of_grace = make(grace, &[&rooms["vault"], &rooms["cellar"]], 120).await?;
    Ok([
        (bob.user_id().to_owned(), of_bob),
        (grace.user_id().to_owned(), vec![of_grace]),
    ]
    .into())
}

/// A new version with so many sessions in each room.
pub async fn make(client: &Client, rooms: &[&String], sessions: usize) -> Result<Backup> {
    let signature = json!({ "ed25519:LABDEVICE": "c2lnbmF0dXJl" });
    let auth_data = json!({
        "public_key": random_key(),
        "signatures": { client.user_id(): signature },
    });
    let request = v3(&["room_keys", "version"]);
    let body = json!({ "algorithm": ALGORITHM, "auth_data": auth_data });
    let version = field(&client.post(&request, &body).await?, &request, "version")?;
    let sessions: BTreeMap<String, BTreeMap<String, Value>> = rooms
        .iter()
        .map(|room| {
            let sessions = (0..sessions).map(|number| (random_key(), session(number)));
            ((*room).clone(), sessions.collect())
        })
        .collect();
    let of_rooms: serde_json::Map<String, Value> = sessions
        .iter()
        .map(|(room, sessions)| (room.clone(), json!({ "sessions": sessions })))
        .collect();
    let keys = format!("{}?version={version}", v3(&["room_keys", "keys"]));
    client.put(&keys, &json!({ "rooms": of_rooms })).await?;
    Ok(Backup {
        version,
        algorithm: ALGORITHM.to_owned(),
        auth_data,
        deleted: false,
        sessions,
    })
}

fn session(number: usize) -> Value {
    json!({
        "first_message_index": number,
        "forwarded_count": number % 3,
        "is_verified": number.is_multiple_of(2),
        "session_data": {
            "ephemeral": random_key(),
            "ciphertext": format!("{}{}", random_key(), random_key()),
            "mac": "AAAAAAAAAAA",
        },
    })
}
