//! `plan [--bundle PATH] [--json]`.

use std::path::PathBuf;

use clap::Args;

/// Which bundle, and in which form.
#[derive(Debug, Clone, PartialEq, Eq, Default, Args)]
#[command(after_help = "Example: plan --bundle before-the-move.tar.zst")]
pub struct Plan {
    /// The bundle's file; without it, the newest one in the bundles folder
    #[arg(long, value_name = "PATH")]
    pub bundle: Option<PathBuf>,
    /// The whole plan as JSON
    #[arg(long)]
    pub json: bool,
}
