//! `room ID [--bundle PATH]`.

use std::path::PathBuf;

use clap::Args;

/// Which.
#[derive(Debug, Clone, PartialEq, Eq, Default, Args)]
#[command(after_help = "Example: room '#lobby:example.org'")]
pub struct Room {
    /// The room's ID, or one of its aliases on this server
    #[arg(value_name = "ID")]
    pub room: String,
    /// The bundle's file; without it, the newest one in the bundles folder
    #[arg(long, value_name = "PATH")]
    pub bundle: Option<PathBuf>,
}
