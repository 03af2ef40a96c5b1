//! `retry [WHAT…] [--bundle PATH] [--no-passwords]`.

use std::path::PathBuf;

use clap::Args;

/// What.
#[derive(Debug, Clone, PartialEq, Eq, Default, Args)]
#[command(
    after_help = "Examples:\n  retry\n  retry '#lobby:example.org' anna\n  retry '!abc:example.org' --bundle before-the-move.tar.zst"
)]
pub struct Retry {
    /// `failed`, which is all that was begun and is not done; or rooms (ID or alias) and users (ID, or the part before the
    /// colon), which are done again even if they count as done. Without it: failed
    #[arg(value_name = "WHAT")]
    pub what: Vec<String>,
    /// The bundle's file; without it, the one of the last import
    #[arg(long, value_name = "PATH")]
    pub bundle: Option<PathBuf>,
    /// As for `import`
    #[arg(long)]
    pub no_passwords: bool,
    /// The digest of what was confirmed in the room: with another one nothing is done.
    #[arg(skip)]
    pub confirmed: Option<[u8; 32]>,
}
