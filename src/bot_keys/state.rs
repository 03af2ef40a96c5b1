//! `migration-state.json`: how far a bot's move is, for the next step and for people. Nothing in it is secret.

use std::{fs, path::Path};

use ruma::{OwnedUserId, UserId};
use serde::{Deserialize, Serialize};

use crate::{Error, Result, report::text::time, secret::write_private};

/// Its name in a bot's folder.
pub const FILE: &str = "migration-state.json";

/// What is in it; the names are those of the tool that bots were moved with before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct State {
    /// The version of the backup that the keys go into.
    pub backup_version: Option<String>,
    /// The public key of a version that is about to be made, or was made and is not known to be complete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unfinished: Option<String>,
    /// The device that the token belongs to; an application service has none.
    pub new_device_id: Option<String>,
    /// The bot.
    pub user_id: OwnedUserId,
    /// When this was written.
    pub last_updated: String,
}

impl State {
    /// The one in a folder, if there is one. An error if it is another bot's, whose keys must not be mixed with these.
    pub fn load(folder: &Path, user: &UserId) -> Result<Option<Self>> {
        let path = folder.join(FILE);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::file(path)(error)),
        };
        let state: Self = serde_json::from_slice(&text).map_err(|error| {
            Error::Usage(format!(
                "{} can't be read ({error}): move it away, and run `bot-keys enable` again",
                path.display()
            ))
        })?;
        if state.user_id != user {
            return Err(Error::Usage(format!(
                "{} has the files of {}: choose another folder for {user} with --into",
                folder.display(),
                state.user_id
            )));
        }
        Ok(Some(state))
    }

    /// Writes it.
    pub fn keep(&self, folder: &Path, now_ms: u64) -> Result<()> {
        let written = Self {
            last_updated: time(now_ms),
            ..self.clone()
        };
        let path = folder.join(FILE);
        let mut text = serde_json::to_vec_pretty(&written)
            .map_err(|error| Error::file(&path)(error.into()))?;
        text.push(b'\n');
        write_private(&path, &text).map_err(Error::file(&path))
    }
}

#[cfg(test)]
mod tests {
    use ruma::user_id;

    use super::*;

    #[test]
    fn it_is_kept_and_no_other_bot_takes_it() {
        let dir = tempfile::tempdir().unwrap();
        let (bot, other) = (user_id!("@bot:x"), user_id!("@other:x"));
        assert_eq!(State::load(dir.path(), bot).unwrap(), None);
        let state = State {
            backup_version: Some("3".into()),
            unfinished: Some("cHVibGlj".into()),
            new_device_id: None,
            user_id: bot.to_owned(),
            last_updated: String::new(),
        };
        state.keep(dir.path(), 1_785_593_100_000).unwrap();
        let text = fs::read_to_string(dir.path().join(FILE)).unwrap();
        insta::assert_snapshot!(text, @r#"
        {
          "backupVersion": "3",
          "unfinished": "cHVibGlj",
          "newDeviceId": null,
          "userId": "@bot:x",
          "lastUpdated": "2026-08-01 14:05:00 UTC"
        }
        "#);
        let again = State::load(dir.path(), bot).unwrap().unwrap();
        assert_eq!(again.backup_version.as_deref(), Some("3"));
        let shown = |error: Error| {
            let folder = dir.path().display().to_string();
            error.to_string().replace(&folder, "DIR")
        };
        insta::assert_snapshot!(shown(State::load(dir.path(), other).unwrap_err()), @"DIR has the files of @bot:x: choose another folder for @other:x with --into");
        fs::write(dir.path().join(FILE), "{").unwrap();
        insta::assert_snapshot!(shown(State::load(dir.path(), bot).unwrap_err()), @"DIR/migration-state.json can't be read (EOF while parsing an object at line 1 column 1): move it away, and run `bot-keys enable` again");
    }
}
