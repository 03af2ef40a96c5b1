//! A bundle's smaller files, each read whole, and what is said when they can't be.

use std::{fs::File, path::Path};

use ruma::{OwnedServerName, RoomId};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{
    entry_name,
    file_names::{EVENT_INDEX, USERS},
    json_stream,
};
use crate::{Error, Result, model::user::User};

/// A bundle's files, read whole.
pub(super) struct Contents<'a> {
    /// The bundle, for messages.
    pub(super) path: &'a Path,
    /// Where its files are.
    pub(super) dir: &'a Path,
}

impl Contents<'_> {
    /// A failure of this bundle.
    pub(super) fn fault(&self, reason: String) -> Error {
        Error::Bundle {
            path: self.path.to_owned(),
            reason,
        }
    }

    /// A file that has to be there.
    pub(super) fn missing(&self, name: &str) -> Error {
        self.fault(format!(
            "{name} is missing: copy the bundle again, or export again"
        ))
    }

    /// One JSON file, or `None` if it isn't there.
    pub(super) fn file<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>> {
        self.open(name)?
            .map(|file| json_stream::whole(file).map_err(|error| self.unreadable(name, &error)))
            .transpose()
    }

    /// A file, or `None` if it isn't there.
    pub(super) fn open(&self, name: &str) -> Result<Option<File>> {
        let path = self.dir.join(name);
        match File::open(&path) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::file(path)(error)),
        }
    }

    /// A file that is there, but is not what it should be.
    pub(super) fn unreadable(&self, name: &str, error: &serde_json::Error) -> Error {
        self.fault(format!("{name} can't be read ({error}): export again"))
    }

    /// One JSON file that has to be there.
    pub(super) fn needed<T: DeserializeOwned>(&self, name: &str) -> Result<T> {
        self.file(name)?.ok_or_else(|| self.missing(name))
    }

    /// `users.json`.
    pub(super) fn users(&self) -> Result<Vec<User>> {
        let file = self.open(USERS)?.ok_or_else(|| self.missing(USERS))?;
        let mut users = Vec::new();
        json_stream::each_item(file, |mut entry: Map<String, Value>| {
            // Version 1 has both names for the same thing, and the model takes either.
            if entry.contains_key("user_id") {
                entry.remove("name");
            }
            let user = serde_json::from_value(entry.into());
            users.push(user.map_err(|error| error.to_string())?);
            Ok(())
        })
        .map_err(|error| self.unreadable(USERS, &error))?;
        Ok(users)
    }

    /// Version 1 doesn't name its server.
    pub(super) fn server_name_of_users(&self) -> Result<OwnedServerName> {
        self.users()?
            .first()
            .map(|user| user.user_id.server_name().to_owned())
            .ok_or_else(|| {
                self.fault(format!(
                    "{USERS} is empty, so nothing says which server it is from: export again"
                ))
            })
    }

    /// The index must not lead out of the bundle.
    pub(super) fn shard(&self, room: &RoomId, shard: &str) -> Result<()> {
        let plain = entry_name::checked(shard.as_bytes()).is_ok_and(|name| name == shard);
        if plain && self.dir.join(shard).is_file() {
            Ok(())
        } else {
            Err(self.fault(format!(
                "{EVENT_INDEX} sends {room} to a file that is not there: export again"
            )))
        }
    }
}
