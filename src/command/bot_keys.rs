//! `bot-keys backup|restore`: in the shell only, on the machine that has the bot's storage. The variables of the environment
//! are those of the tool that bots were moved with before.

use std::path::PathBuf;

use clap::{Args, Subcommand, builder::FalseyValueParser};

use crate::bot_keys::safekeeping::keep::Storage;

/// The folder of the crypto store in a bot's storage, unless another is named.
const STORE: &str = "encrypted";

/// What to do with a bot's keys.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Example: bot-keys backup --storage /srv/bot/storage --into /srv/bot")]
pub struct BotKeys {
    /// What to do.
    #[command(subcommand)]
    pub step: Step,
}

/// One step of a bot's move.
#[derive(Debug, Clone, Subcommand)]
pub enum Step {
    /// Put a copy of the bot's storage aside, with checksums that `sha256sum -c` reads
    Backup(Backup),
    /// Check such a copy and put it back; what is there is moved aside
    Restore(Restore),
}

/// Where a bot's storage is.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Place {
    /// The bot's storage folder
    #[arg(
        long,
        value_name = "DIR",
        env = "STORAGE_PATH",
        hide_env_values = true,
        default_value = "storage"
    )]
    pub storage: PathBuf,
    /// Its crypto store; `encrypted` in the storage folder if not given
    #[arg(
        long,
        value_name = "DIR",
        env = "CRYPTO_STORE_PATH",
        hide_env_values = true
    )]
    pub store: Option<PathBuf>,
}

impl Place {
    /// Both folders.
    #[must_use]
    pub fn storage(&self) -> Storage {
        let store = self.store.clone();
        Storage {
            folder: self.storage.clone(),
            store: store.unwrap_or_else(|| self.storage.join(STORE)),
        }
    }
}

/// `bot-keys backup`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(after_help = "Example: bot-keys backup --storage /srv/bot/storage --into /srv/bot")]
pub struct Backup {
    #[command(flatten)]
    /// Of which bot.
    pub place: Place,
    /// Where the folder `migration-backup-…` is made
    #[arg(
        long,
        value_name = "DIR",
        env = "MIGRATION_DIR",
        hide_env_values = true,
        default_value = "."
    )]
    pub into: PathBuf,
    /// Also while the bot seems to run: the copy may not hang together
    #[arg(long, env = "FORCE_BACKUP", hide_env_values = true, value_parser = FalseyValueParser::new())]
    pub force: bool,
}

/// `bot-keys restore`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(
    after_help = "Example: bot-keys restore migration-backup-20260801-140500 --storage /srv/bot/storage"
)]
pub struct Restore {
    /// The folder that `bot-keys backup` has made
    #[arg(value_name = "DIR")]
    pub kept: PathBuf,
    #[command(flatten)]
    /// Of which bot.
    pub place: Place,
    /// Also while the bot seems to run
    #[arg(long, env = "FORCE_BACKUP", hide_env_values = true, value_parser = FalseyValueParser::new())]
    pub force: bool,
}
