//! `sync [--no-passwords]`.

use clap::Args;

/// How.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Args)]
#[command(after_help = "Example: sync")]
pub struct Sync {
    /// As for `import`
    #[arg(long)]
    pub no_passwords: bool,
}
