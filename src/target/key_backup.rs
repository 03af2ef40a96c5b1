//! A user's server-side backup of room keys; all of it is opaque.

use std::collections::BTreeMap;

use ruma::UserId;
use serde::Deserialize;
use serde_json::{
    Value,
    value::{RawValue, to_raw_value},
};

use super::{Anything, Target};
use crate::{Result, http::Request};

/// The newest version of a user's backup.
#[derive(Debug, Deserialize)]
pub struct Backup {
    /// What the target calls it.
    pub version: String,
    /// `m.megolm_backup.v1.curve25519-aes-sha2`.
    pub algorithm: String,
    /// Public key and signatures.
    pub auth_data: Value,
    /// Sessions in it.
    pub count: u64,
}

/// Sessions by room and ID.
pub type Sessions = BTreeMap<String, BTreeMap<String, Box<RawValue>>>;

#[derive(Debug, Deserialize)]
struct Created {
    version: String,
}

#[derive(Debug, Deserialize)]
struct Keys {
    rooms: BTreeMap<String, OfRoom>,
}

#[derive(Debug, Deserialize)]
struct OfRoom {
    sessions: BTreeMap<String, Box<RawValue>>,
}

impl Target {
    /// The newest version, if there is any.
    pub async fn backup(&self, user: &UserId) -> Result<Option<Backup>> {
        let request = Request::get("/_matrix/client/v3/room_keys/version");
        self.puppets_http.find(&Self::as_user(request, user)).await
    }

    /// Makes a new version, which is the newest from then on; gives its name. Tried once: each try would make one.
    pub async fn create_backup(
        &self,
        user: &UserId,
        algorithm: &str,
        auth_data: &RawValue,
    ) -> Result<String> {
        let algorithm = Value::from(algorithm);
        let body = format!(
            r#"{{"algorithm":{algorithm},"auth_data":{}}}"#,
            auth_data.get()
        );
        let path = "/_matrix/client/v3/room_keys/version";
        let request = Request::post(path, &Value::Null).text(body).once();
        let created: Created = self
            .puppets_http
            .send(&Self::as_user(request, user))
            .await?;
        Ok(created.version)
    }

    /// Puts sessions into the newest version; the same ones once more change nothing.
    pub async fn put_backup_keys(
        &self,
        user: &UserId,
        version: &str,
        sessions: &Sessions,
    ) -> Result<()> {
        let rooms: BTreeMap<_, _> = sessions
            .iter()
            .map(|(room, sessions)| (room, BTreeMap::from([("sessions", sessions)])))
            .collect();
        // Serialised straight, for a `Value` would write the sessions anew.
        let body = to_raw_value(&BTreeMap::from([("rooms", rooms)]));
        let body = body.map_err(|error| {
            crate::Error::Target(format!("{user}'s room keys can't be written ({error})"))
        })?;
        let request = Request::put("/_matrix/client/v3/room_keys/keys", &Value::Null)
            .text(body.get().to_owned())
            .query("version", version);
        self.puppets_http
            .send::<Anything>(&Self::as_user(request, user))
            .await?;
        Ok(())
    }

    /// All sessions of a version.
    pub async fn backup_keys(&self, user: &UserId, version: &str) -> Result<Sessions> {
        let request = Request::get("/_matrix/client/v3/room_keys/keys").query("version", version);
        let keys: Option<Keys> = self
            .puppets_http
            .find(&Self::as_user(request, user))
            .await?;
        let rooms = keys.map(|keys| keys.rooms).unwrap_or_default();
        let of_room = |(room, OfRoom { sessions })| (room, sessions);
        Ok(rooms.into_iter().map(of_room).collect())
    }
}
