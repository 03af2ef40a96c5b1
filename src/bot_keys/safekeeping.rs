//! A bot's storage put aside before anything is done with it, and put back.
//!
//! `migration-backup-YYYYMMDD-HHMMSS/` holds the crypto store, the bot's own files, `backup-metadata.json`, and
//! `checksums.sha256` of all the others, which `sha256sum -c` reads.

pub mod checksums;
pub mod keep;
pub mod restore;
pub mod tree;

/// The list of all other files.
pub const CHECKSUMS: &str = "checksums.sha256";

/// What was put aside, when, and from where.
pub const METADATA: &str = "backup-metadata.json";

/// The crypto store in it. It is called so also where it is one of SQLite, for whoever knows the name.
pub const STORE: &str = "crypto-store-sled";

/// Files of matrix-bot-sdk beside the store: who the bot is and where its sync stands.
pub const BESIDE: [&str; 2] = ["bot-sdk.json", "bot.json"];
