//! `bundles`.

use clap::Args;

/// Nothing to choose.
#[derive(Debug, Clone, PartialEq, Eq, Default, Args)]
#[command(after_help = "Example: bundles")]
pub struct Bundles {}
