//! `export [--out PATH]`.

use std::path::PathBuf;

use clap::Args;

/// Where the bundle goes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Args)]
#[command(after_help = "Example: export --out before-the-move.tar.zst")]
pub struct Export {
    /// The bundle's file; without it, a new one in the bundles folder, named after the time
    #[arg(long, value_name = "PATH")]
    pub out: Option<PathBuf>,
}
