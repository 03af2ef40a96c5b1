//! What several steps take.

use std::path::{Path, PathBuf};

use clap::{Args, builder::FalseyValueParser};
use ruma::OwnedUserId;

use crate::bot_keys::safekeeping::keep::{Storage, USUAL_STORE};

/// Where a bot's storage is, unless it is said.
const STORAGE: &str = "storage";

/// The value of an option for a secret that is to be asked for.
const ASK: &str = "-";

/// Where a bot's storage is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct Place {
    /// The bot's storage folder; `storage` if not given
    #[arg(long, value_name = "DIR", env = "STORAGE_PATH", hide_env_values = true)]
    pub storage: Option<PathBuf>,
    /// Its crypto store; `encrypted` in the storage folder if not given
    #[arg(
        long,
        alias = "sled-path",
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
        let folder = self.storage.clone().unwrap_or_else(|| STORAGE.into());
        storage(folder, self.store.clone())
    }

    /// Whether one was named.
    #[must_use]
    pub fn is_given(&self) -> bool {
        self.storage.is_some() || self.store.is_some()
    }
}

/// A bot's folder, and the crypto store in it unless another is named.
#[must_use]
pub fn storage(folder: PathBuf, store: Option<PathBuf>) -> Storage {
    Storage {
        store: store.unwrap_or_else(|| folder.join(USUAL_STORE)),
        folder,
    }
}

/// Which bots, and where their files go.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct Who {
    /// The bots, by their user IDs: of the list, all of it if none is named
    #[arg(value_name = "USER")]
    pub bots: Vec<OwnedUserId>,
    /// A file that lists bots; without it `bot_keys.list` of the configuration
    #[arg(long, value_name = "FILE")]
    pub list: Option<PathBuf>,
    /// Without a list: where the bot's storage is
    #[command(flatten)]
    pub place: Place,
    /// Where the bot's files go: copies, keys, lists; each bot of a list has a folder of its own there
    #[arg(
        long,
        value_name = "DIR",
        env = "MIGRATION_DIR",
        hide_env_values = true
    )]
    pub into: Option<PathBuf>,
}

/// How a store is read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct Reading {
    /// The store's passphrase: from a file, or asked for; also `STORE_PASSPHRASE`. Bots have the empty one, or none
    #[arg(
        long,
        value_name = "FILE",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = ASK
    )]
    pub store_passphrase: Option<PathBuf>,
    /// Go on behind broken sessions, and list them
    #[arg(long)]
    pub skip_errors: bool,
    /// Let Sled itself read a copy of the store, too, and compare what it finds; at most ten minutes
    #[arg(long)]
    pub cross_check: bool,
}

/// What was extracted before.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct Before {
    /// An `extracted-keys.json` instead of the store; the one in the bot's folder is used if it is there
    #[arg(long, value_name = "FILE")]
    pub keys: Option<PathBuf>,
}

/// How the backup is compared.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct Comparison {
    /// Compare about so many sessions, spread over all rooms
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub sample: Option<u64>,
}

/// How a bot's account is reached.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct Door {
    /// The bot's homeserver; without it the configuration's target, where the application service acts as the bot
    #[arg(
        long,
        value_name = "URL",
        env = "HOMESERVER_URL",
        hide_env_values = true
    )]
    pub homeserver: Option<String>,
    /// A file with the bot's access token there; or the variable `ACCESS_TOKEN`
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// The account need not be the store's own: for trying it out
    #[arg(long)]
    pub other_account: bool,
}

/// What a backup is to be like.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct Recovery {
    /// The account's recovery key, if it has one: from a file, or asked for; also `RECOVERY_KEY`
    #[arg(
        long,
        value_name = "FILE",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = ASK,
        conflicts_with = "recovery_passphrase"
    )]
    pub recovery_key: Option<PathBuf>,
    /// The passphrase of the account's secret storage, or of a new one; also `RECOVERY_PHRASE`
    #[arg(
        long,
        value_name = "FILE",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = ASK
    )]
    pub recovery_passphrase: Option<PathBuf>,
    /// Begin a new version of the backup, whatever is there
    #[arg(long, env = "FORCE_NEW_BACKUP", hide_env_values = true, value_parser = FalseyValueParser::new())]
    pub new_version: bool,
    /// Show the recovery key on the terminal, too
    #[arg(long)]
    pub show_recovery_key: bool,
}

/// Whether a secret's option says that it is to be asked for.
#[must_use]
pub fn is_asked(option: &Path) -> bool {
    option == Path::new(ASK)
}
