//! `ack CODE`.

use clap::Args;

/// Which warning.
#[derive(Debug, Clone, PartialEq, Eq, Default, Args)]
#[command(after_help = "Example: ack rooms-without-joiner")]
pub struct Ack {
    /// The warning's code, as `check` shows it
    #[arg(value_name = "CODE")]
    pub code: String,
}
