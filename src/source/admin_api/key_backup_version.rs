//! `GET /_matrix/client/v3/room_keys/version` and `GET /_matrix/client/v3/room_keys/version/{version}`

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Client, Who};
use crate::{
    Result,
    http::{Request, encode},
};

/// A version of a key backup.
#[derive(Debug, Deserialize)]
pub struct BackupVersion {
    /// Its number.
    pub version: String,
    /// How its sessions are encrypted.
    pub algorithm: String,
    /// Public key and signatures.
    pub auth_data: Box<RawValue>,
}

impl Client {
    /// The newest version that is not deleted, or this one. None if there is none.
    pub async fn backup_version(
        &self,
        who: &Who,
        version: Option<&str>,
    ) -> Result<Option<BackupVersion>> {
        let path = "/_matrix/client/v3/room_keys/version";
        let request = match version {
            Some(version) => Request::get(format!("{path}/{}", encode(version))),
            None => Request::get(path),
        };
        self.http.find(&who.asks(request)).await
    }
}
