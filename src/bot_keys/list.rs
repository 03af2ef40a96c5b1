//! A list of bots: a TOML file with one `[[bot]]` for each.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use ruma::OwnedUserId;
use serde::{Deserialize, Deserializer, de::Error as _};

use crate::{Error, Result, secret::SecretString};

/// One bot of the list. Paths are relative to the list's folder.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listed {
    /// The bot.
    #[serde(deserialize_with = "user_id")]
    pub user: OwnedUserId,
    /// Its storage folder.
    pub storage: PathBuf,
    /// Its crypto store; `encrypted` in the storage folder without it.
    pub store: Option<PathBuf>,
    /// A file with the store's passphrase.
    pub store_passphrase_file: Option<PathBuf>,
    /// A file with the recovery key of the account's secret storage.
    pub recovery_key_file: Option<PathBuf>,
    /// A file with the passphrase of the account's secret storage.
    pub recovery_passphrase_file: Option<PathBuf>,
    /// The homeserver's base URL; without it the application service acts as the bot on the target.
    pub homeserver: Option<String>,
    /// A file with the bot's access token there.
    pub token_file: Option<PathBuf>,
}

fn user_id<'de, D: Deserializer<'de>>(from: D) -> Result<OwnedUserId, D::Error> {
    let text = String::deserialize(from)?;
    OwnedUserId::try_from(&*text)
        .map_err(|_| D::Error::custom(format!("{text} is no user ID: write it as @name:server")))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    bot: Vec<Listed>,
}

/// Reads a list. Each bot stands in it once.
pub fn read(path: &Path) -> Result<Vec<Listed>> {
    let text = fs::read_to_string(path).map_err(Error::file(path))?;
    let wrong =
        |reason: &str| Error::Config(format!("the list of bots {}: {reason}", path.display()));
    let list: List = toml::from_str(&text).map_err(|error| {
        let message = error.message();
        let line = error
            .span()
            .map(|span| text[..span.start].matches('\n').count() + 1);
        wrong(&match line {
            Some(line) => format!("line {line}: {message}"),
            None => message.to_owned(),
        })
    })?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut seen = BTreeSet::new();
    let mut bots = Vec::new();
    for mut bot in list.bot {
        if !seen.insert(bot.user.clone()) {
            return Err(wrong(&format!(
                "{} stands in it twice: leave one out",
                bot.user
            )));
        }
        if bot.homeserver.is_some() != bot.token_file.is_some() {
            return Err(wrong(&format!(
                "{} has one of homeserver and token_file: give both, or none for the application service to act as the bot",
                bot.user
            )));
        }
        if bot.recovery_key_file.is_some() && bot.recovery_passphrase_file.is_some() {
            return Err(wrong(&format!(
                "{} has a recovery key and a passphrase: give one of them",
                bot.user
            )));
        }
        bot.storage = folder.join(&bot.storage);
        for path in [
            &mut bot.store,
            &mut bot.store_passphrase_file,
            &mut bot.recovery_key_file,
            &mut bot.recovery_passphrase_file,
            &mut bot.token_file,
        ]
        .into_iter()
        .flatten()
        {
            *path = folder.join(&path);
        }
        bots.push(bot);
    }
    if bots.is_empty() {
        return Err(wrong("no bot stands in it"));
    }
    Ok(bots)
}

/// A secret that is the whole of a file, but for the line's end.
pub fn secret(path: &Path) -> Result<SecretString> {
    let text = zeroize::Zeroizing::new(fs::read_to_string(path).map_err(Error::file(path))?);
    let text = text.trim_end_matches(['\n', '\r']);
    if text.is_empty() {
        return Err(Error::Usage(format!(
            "{} is empty: a secret should be in it",
            path.display()
        )));
    }
    Ok(text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> String {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("bots.toml");
        fs::write(&path, text).unwrap();
        let error = read(&path).unwrap_err().to_string();
        error.replace(&dir.path().display().to_string(), "DIR")
    }

    #[test]
    fn paths_are_beside_the_list() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("bots.toml");
        fs::write(
            &path,
            r#"
            [[bot]]
            user = "@bot:x"
            storage = "one"
            store_passphrase_file = "pass"

            [[bot]]
            user = "@other:y"
            storage = "/srv/two"
            homeserver = "https://y"
            token_file = "/run/token"
            "#,
        )
        .unwrap();
        let bots = read(&path).unwrap();
        assert_eq!(bots[0].storage, dir.path().join("one"));
        assert_eq!(bots[0].store_passphrase_file, Some(dir.path().join("pass")));
        assert_eq!(bots[1].storage, Path::new("/srv/two"));
        assert_eq!(bots[1].token_file, Some("/run/token".into()));
    }

    #[test]
    fn what_is_wrong_with_a_list() {
        let bot = "[[bot]]\nuser = \"@bot:x\"\nstorage = \"one\"\n";
        let lines = [
            said(&format!("{bot}{bot}")),
            said(&format!("{bot}token = 1\n")),
            said(&format!("{bot}homeserver = \"https://x\"\n")),
            said(&format!(
                "{bot}recovery_key_file = \"a\"\nrecovery_passphrase_file = \"b\"\n"
            )),
            said("bot = []\n"),
            said("[[bot]]\nuser = \"bot\"\nstorage = \"one\"\n"),
        ];
        insta::assert_snapshot!(lines.join("\n"), @r"
        the list of bots DIR/bots.toml: @bot:x stands in it twice: leave one out
        the list of bots DIR/bots.toml: line 4: unknown field `token`, expected one of `user`, `storage`, `store`, `store_passphrase_file`, `recovery_key_file`, `recovery_passphrase_file`, `homeserver`, `token_file`
        the list of bots DIR/bots.toml: @bot:x has one of homeserver and token_file: give both, or none for the application service to act as the bot
        the list of bots DIR/bots.toml: @bot:x has a recovery key and a passphrase: give one of them
        the list of bots DIR/bots.toml: no bot stands in it
        the list of bots DIR/bots.toml: line 2: bot is no user ID: write it as @name:server
        ");
    }

    #[test]
    fn a_secret_is_a_file_without_its_end_of_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secret");
        fs::write(&path, " a b \r\n").unwrap();
        assert_eq!(
            secrecy::ExposeSecret::expose_secret(&secret(&path).unwrap()),
            " a b "
        );
        fs::write(&path, "\n").unwrap();
        let error = secret(&path).unwrap_err().to_string();
        insta::assert_snapshot!(error.replace(&dir.path().display().to_string(), "DIR"), @"DIR/secret is empty: a secret should be in it");
    }
}
