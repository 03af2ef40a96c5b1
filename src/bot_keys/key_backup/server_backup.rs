//! `/room_keys`: the versions of a bot's backup, and the sessions in one.

use std::collections::BTreeMap;

use ruma::RoomId;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::sealing::Sealed;
use crate::{
    Error, Result,
    bot_keys::account::Account,
    http::{Request, encode},
};

/// The only way of encryption that there is.
pub const ALGORITHM: &str = "m.megolm_backup.v1.curve25519-aes-sha2";

const VERSION: &str = "/_matrix/client/v3/room_keys/version";
const KEYS: &str = "/_matrix/client/v3/room_keys/keys";

/// The newest version of a backup.
#[derive(Debug, Clone, Deserialize)]
pub struct Version {
    /// What the homeserver calls it.
    pub version: String,
    /// [`ALGORITHM`].
    pub algorithm: String,
    /// Public key and signatures.
    pub auth_data: Value,
    /// Sessions in it.
    pub count: u64,
}

impl Version {
    /// The public key, in unpadded Base64.
    #[must_use]
    pub fn public_key(&self) -> Option<&str> {
        let key = self.auth_data.get("public_key")?.as_str()?;
        (self.algorithm == ALGORITHM).then(|| key.trim_end_matches('='))
    }
}

/// Sessions of one room by their ID.
pub type Room = BTreeMap<String, Sealed>;

/// Sessions by room.
pub type Batch = BTreeMap<String, Room>;

#[derive(Debug, Deserialize)]
struct Sessions {
    sessions: Room,
}

#[derive(Serialize)]
struct Rooms<'a> {
    rooms: BTreeMap<&'a str, OfRoom<'a>>,
}

#[derive(Serialize)]
struct OfRoom<'a> {
    sessions: &'a Room,
}

#[derive(Deserialize)]
struct Created {
    version: String,
}

/// An answer in which nothing is of interest.
#[derive(Deserialize)]
struct Anything {}

impl Account {
    /// The newest version of the bot's backup, if there is any.
    pub async fn backup(&self) -> Result<Option<Version>> {
        self.find(Request::get(VERSION)).await
    }

    /// Makes a new version, which is the newest from then on; gives its name. Tried once: each try would make one.
    pub async fn create_backup(&self, auth_data: &Value) -> Result<String> {
        let body = json!({"algorithm": ALGORITHM, "auth_data": auth_data});
        let created: Created = self.ask(Request::post(VERSION, &body).once()).await?;
        Ok(created.version)
    }

    /// The sessions of one room in a version.
    pub async fn backup_of(&self, version: &str, room: &RoomId) -> Result<Room> {
        let path = format!("{KEYS}/{}", encode(room.as_str()));
        let request = Request::get(path).query("version", version);
        let found: Option<Sessions> = self.find(request).await?;
        Ok(found.map(|found| found.sessions).unwrap_or_default())
    }

    /// Puts sessions into a version. What is there is overwritten by some homeservers, and by others only by better ones.
    pub async fn put_backup(&self, version: &str, batch: &Batch) -> Result<()> {
        let rooms = batch.iter();
        let rooms = Rooms {
            rooms: rooms
                .map(|(room, sessions)| (room.as_str(), OfRoom { sessions }))
                .collect(),
        };
        let body = serde_json::to_string(&rooms)
            .map_err(|error| Error::Usage(format!("sessions can't be written ({error})")))?;
        let request = Request::put(KEYS, &Value::Null).text(body);
        self.ask::<Anything>(request.query("version", version))
            .await
            .map(drop)
    }
}
