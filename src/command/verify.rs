//! `verify [--bundle PATH] [--deep]`.

use std::path::PathBuf;

use clap::Args;

/// Which bundle, and how thoroughly.
#[derive(Debug, Clone, PartialEq, Eq, Default, Args)]
#[command(after_help = "Example: verify --bundle before-the-move.tar.zst")]
pub struct Verify {
    /// The bundle's file; without it, the newest one in the bundles folder
    #[arg(long, value_name = "PATH")]
    pub bundle: Option<PathBuf>,
    /// Read every media file, also those that an earlier `verify` has read whole and found equal, and ask for each piece of
    /// state by its type and state key
    #[arg(long)]
    pub deep: bool,
}
