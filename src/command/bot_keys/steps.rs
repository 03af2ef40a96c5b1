//! The steps, each with what it takes.

use std::path::PathBuf;

use clap::{Args, builder::FalseyValueParser};

use super::parts::{Before, Comparison, Door, Place, Reading, Recovery, Who};

/// `bot-keys backup`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(after_help = "Example: bot-keys backup --storage /srv/bot/storage --into /srv/bot")]
pub struct Backup {
    #[command(flatten)]
    /// Of which bots.
    pub who: Who,
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

/// `bot-keys extract`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(
    after_help = "Example: bot-keys extract --storage /srv/bot/storage --into /srv/bot --export-passphrase"
)]
pub struct Extract {
    #[command(flatten)]
    /// Of which bots.
    pub who: Who,
    #[command(flatten)]
    /// How.
    pub reading: Reading,
    /// The passphrase that encrypts `room-keys.txt`, which clients import: from a file, or asked for; also `EXPORT_PASSPHRASE`
    #[arg(
        long,
        value_name = "FILE",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "-"
    )]
    pub export_passphrase: Option<PathBuf>,
    /// Where the encrypted export goes; `room-keys.txt` in the bot's folder if not given
    #[arg(long, value_name = "FILE")]
    pub export: Option<PathBuf>,
    /// Write the keys unencrypted, too: `extracted-keys.json` in the bot's folder
    #[arg(long)]
    pub plain: bool,
    /// Write the keys unencrypted, too, into this file
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Where broken sessions are listed; `failed-sessions.json` in the bot's folder if not given
    #[arg(long, value_name = "FILE")]
    pub failed_output: Option<PathBuf>,
}

/// `bot-keys enable`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(
    after_help = "Example: bot-keys enable --homeserver https://matrix.example.org --token-file token --into /srv/bot"
)]
pub struct Enable {
    #[command(flatten)]
    /// Of which bots.
    pub who: Who,
    #[command(flatten)]
    /// By whom.
    pub door: Door,
    #[command(flatten)]
    /// How the store is read, whose keys sign a new backup.
    pub reading: Reading,
    #[command(flatten)]
    /// How.
    pub recovery: Recovery,
}

/// `bot-keys upload`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(
    after_help = "Example: bot-keys upload --storage /srv/bot/storage --into /srv/bot --homeserver https://matrix.example.org --token-file token"
)]
pub struct Upload {
    #[command(flatten)]
    /// Of which bots.
    pub who: Who,
    #[command(flatten)]
    /// By whom.
    pub door: Door,
    #[command(flatten)]
    /// How the store is read.
    pub reading: Reading,
    #[command(flatten)]
    /// Keys that were extracted before.
    pub before: Before,
}

/// `bot-keys verify`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(
    after_help = "Example: bot-keys verify --storage /srv/bot/storage --into /srv/bot --homeserver https://matrix.example.org --token-file token"
)]
pub struct Verify {
    #[command(flatten)]
    /// Of which bots.
    pub who: Who,
    #[command(flatten)]
    /// By whom.
    pub door: Door,
    #[command(flatten)]
    /// How the store is read.
    pub reading: Reading,
    #[command(flatten)]
    /// Keys that were extracted before.
    pub before: Before,
    #[command(flatten)]
    /// How much is compared.
    pub comparison: Comparison,
}

/// `bot-keys delete-device`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(
    after_help = "Example: bot-keys delete-device --device OLDDEVICE --homeserver https://matrix.example.org --token-file token --password"
)]
pub struct DeleteDevice {
    #[command(flatten)]
    /// Of which bot.
    pub who: Who,
    #[command(flatten)]
    /// By whom.
    pub door: Door,
    /// The device; the one that the bot's `bot-sdk.json` names if not given
    #[arg(long, value_name = "ID", env = "OLD_DEVICE_ID", hide_env_values = true)]
    pub device: Option<String>,
    /// The account's password: from a file, or asked for; also `MIGRATION_PASSWORD`. The application service needs none
    #[arg(
        long,
        value_name = "FILE",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "-"
    )]
    pub password: Option<PathBuf>,
}

/// `bot-keys all`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(
    after_help = "Example: bot-keys all --storage /srv/bot/storage --into /srv/bot --homeserver https://matrix.example.org --token-file token"
)]
pub struct All {
    #[command(flatten)]
    /// Of which bots.
    pub who: Who,
    #[command(flatten)]
    /// By whom.
    pub door: Door,
    #[command(flatten)]
    /// How the store is read.
    pub reading: Reading,
    #[command(flatten)]
    /// What the backup is to be like.
    pub recovery: Recovery,
    #[command(flatten)]
    /// Keys that were extracted before.
    pub before: Before,
    #[command(flatten)]
    /// How much is compared.
    pub comparison: Comparison,
}
