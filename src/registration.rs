//! `ferryman registration`: the two files that tell the target about the bot and about the puppets.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{
    Error, Result,
    config::{Config, Tokens},
    secret::{private_dir, write_private},
};

mod yaml;

/// The bot's registration: one user, with a URL.
pub const BOT_ID: &str = "ferryman";

/// The puppets' registration: every user, without a URL, or each replayed event would be pushed to Ferryman.
///
/// Tuwunel (1.4.6 and 1.9) lets an application service register upper-case and historical localparts only if its ID
/// contains `matrix-appservice-irc`: an exception made for that bridge, and the only way to keep such names.
pub const PUPPETS_ID: &str = "ferryman-puppets-matrix-appservice-irc";

/// The puppets' own account, which never does anything.
pub const PUPPETS_LOCALPART: &str = "ferryman-puppets";

/// What a run of `registration` did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The bot's file.
    pub bot: PathBuf,
    /// The puppets' file.
    pub puppets: PathBuf,
    /// Whether anything was written.
    pub change: Change,
}

/// How the files were found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// They were not there, or `--force` asked for new ones.
    New,
    /// They are there and say what the configuration says.
    Same,
    /// They are there and say something else; nothing was written.
    Differs,
}

/// Writes both files, and the tokens; existing ones are only replaced with `force`.
pub fn write(config: &Config, force: bool) -> Result<Written> {
    if config.bot.localpart == PUPPETS_LOCALPART {
        return Err(Error::Config(format!(
            "bot.localpart is {PUPPETS_LOCALPART}, the account of the puppets' registration: choose another"
        )));
    }
    let dir = &config.bot.registration_dir;
    let bot = dir.join("ferryman.yaml");
    let puppets = dir.join("ferryman-puppets.yaml");
    let there = bot.exists() && puppets.exists();
    let tokens = if force {
        Tokens::make(&config.data_dir)?
    } else {
        Tokens::load_or_make(&config.data_dir)?
    };
    let files = [
        (&bot, yaml::bot(config, &tokens)),
        (&puppets, yaml::puppets(config, &tokens)),
    ];
    let change = if force || !there {
        Change::New
    } else if files.iter().all(|(path, text)| says(path, text)) {
        Change::Same
    } else {
        Change::Differs
    };
    if change == Change::New {
        private_dir(dir).map_err(Error::file(dir))?;
        for (path, text) in &files {
            write_private(path, text.as_bytes()).map_err(Error::file(*path))?;
        }
    }
    Ok(Written {
        bot,
        puppets,
        change,
    })
}

fn says(path: &Path, text: &str) -> bool {
    fs::read_to_string(path).is_ok_and(|there| there == text)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::config::sample;

    #[test]
    fn a_second_run_changes_nothing_unless_forced() {
        let dir = tempfile::tempdir().unwrap();
        let config = sample(dir.path());
        let first = write(&config, false).unwrap();
        assert_eq!(first.change, Change::New);
        let text = fs::read_to_string(&first.bot).unwrap();
        let mode = fs::metadata(&first.puppets).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);

        assert_eq!(write(&config, false).unwrap().change, Change::Same);
        assert_eq!(fs::read_to_string(&first.bot).unwrap(), text);

        let mut moved = config.clone();
        moved.bot.url = "http://10.0.0.5:29330".to_owned();
        assert_eq!(write(&moved, false).unwrap().change, Change::Differs);
        assert_eq!(fs::read_to_string(&first.bot).unwrap(), text);

        assert_eq!(write(&moved, true).unwrap().change, Change::New);
        assert_ne!(fs::read_to_string(&first.bot).unwrap(), text);
    }
}
