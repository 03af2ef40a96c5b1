//! `verify [--bundle PATH]`.

use std::path::PathBuf;

use clap::Args;

/// Which bundle.
#[derive(Debug, Clone, PartialEq, Eq, Default, Args)]
#[command(after_help = "Example: verify --bundle before-the-move.tar.zst")]
pub struct Verify {
    /// The bundle's file; without it, the newest one in the bundles folder
    #[arg(long, value_name = "PATH")]
    pub bundle: Option<PathBuf>,
}
