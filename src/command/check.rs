//! `check [--bundle PATH] [--json]`.

use std::path::PathBuf;

use clap::Args;

/// Which bundle, and in which form.
#[derive(Debug, Clone, PartialEq, Eq, Default, Args)]
#[command(after_help = "Example: check")]
pub struct Check {
    /// The bundle's file; without it, the newest one in the bundles folder, if there is one
    #[arg(long, value_name = "PATH")]
    pub bundle: Option<PathBuf>,
    /// Everything as JSON
    #[arg(long)]
    pub json: bool,
}
