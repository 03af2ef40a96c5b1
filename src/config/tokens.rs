//! `<data_dir>/tokens.toml`: the two registrations' tokens.

use std::{fs, path::Path};

use serde::Deserialize;

use super::Tokens;
use crate::{
    Error, Result,
    secret::{ExposeSecret, SecretString, private_dir, random_token, write_private},
};

const FILE: &str = "tokens.toml";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    bot_as: SecretString,
    bot_hs: SecretString,
    puppets_as: SecretString,
    puppets_hs: SecretString,
}

impl Tokens {
    /// Reads the tokens; if there are none, says which command makes them.
    pub fn load(data_dir: &Path) -> Result<Self> {
        Self::read(data_dir)?.ok_or_else(|| {
            Error::Config(format!(
                "{} is missing: run `ferryman registration` first",
                data_dir.join(FILE).display()
            ))
        })
    }

    /// Reads the tokens, or makes and keeps new ones: only for the registration, which hands them over.
    pub fn load_or_make(data_dir: &Path) -> Result<Self> {
        match Self::read(data_dir)? {
            Some(tokens) => Ok(tokens),
            None => Self::make(data_dir),
        }
    }

    /// Reads the tokens; if there are none, gives some that open nothing and are not kept: an export needs none.
    pub fn load_or_random(data_dir: &Path) -> Result<Self> {
        Ok(Self::read(data_dir)?.unwrap_or_else(Self::random))
    }

    fn random() -> Self {
        Self {
            bot_as: random_token(),
            bot_hs: random_token(),
            puppets_as: random_token(),
            puppets_hs: random_token(),
        }
    }

    /// Makes new tokens and keeps them.
    pub fn make(data_dir: &Path) -> Result<Self> {
        let tokens = Self::random();
        private_dir(data_dir).map_err(Error::file(data_dir))?;
        let path = data_dir.join(FILE);
        write_private(&path, tokens.to_toml().as_bytes()).map_err(Error::file(path))?;
        Ok(tokens)
    }

    fn read(data_dir: &Path) -> Result<Option<Self>> {
        let path = data_dir.join(FILE);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::file(path)(error)),
        };
        // The parser's own words may quote a token.
        let stored: Stored = toml::from_str(&text).map_err(|_| {
            Error::Config(format!(
                "{} can't be read: run `ferryman registration --force` for new tokens, and register both files again",
                path.display()
            ))
        })?;
        Ok(Some(Self {
            bot_as: stored.bot_as,
            bot_hs: stored.bot_hs,
            puppets_as: stored.puppets_as,
            puppets_hs: stored.puppets_hs,
        }))
    }

    fn to_toml(&self) -> String {
        [
            ("bot_as", &self.bot_as),
            ("bot_hs", &self.bot_hs),
            ("puppets_as", &self.puppets_as),
            ("puppets_hs", &self.puppets_hs),
        ]
        .iter()
        .fold(
            String::from("# Written by `ferryman registration`; the registration files hold the same tokens.\n"),
            |text, (name, token)| format!("{text}{name} = \"{}\"\n", token.expose_secret()),
        )
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn tokens_are_made_once_and_kept_private() {
        let dir = tempfile::tempdir().unwrap();
        let made = Tokens::load_or_make(dir.path()).unwrap();
        let read = Tokens::load(dir.path()).unwrap();
        assert_eq!(made.bot_as.expose_secret(), read.bot_as.expose_secret());
        let metadata = fs::metadata(dir.path().join(FILE)).unwrap();
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn missing_and_damaged_tokens_name_the_command_and_not_the_token() {
        let dir = tempfile::tempdir().unwrap();
        let missing = Tokens::load(dir.path()).unwrap_err().to_string();
        assert!(
            missing.ends_with("run `ferryman registration` first"),
            "{missing}"
        );
        fs::write(dir.path().join(FILE), "bot_as = s3cret").unwrap();
        let damaged = Tokens::load(dir.path()).unwrap_err();
        assert!(!damaged.to_string().contains("s3cret"));
        assert_eq!(damaged.exit_code(), 3);
    }
}
