//! `audit [--last N]`.

use clap::Args;

/// How much of it.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(after_help = "Example: audit --last 50")]
pub struct Audit {
    /// So many of the newest orders
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub last: usize,
}
