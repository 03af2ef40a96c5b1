//! `cancel`.

use clap::Args;

/// No options.
#[derive(Debug, Clone, PartialEq, Eq, Default, Args)]
#[command(after_help = "Example: cancel")]
pub struct Cancel {}
