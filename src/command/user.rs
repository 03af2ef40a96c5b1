//! `user ID [--bundle PATH]`.

use std::path::PathBuf;

use clap::Args;

/// Whose.
#[derive(Debug, Clone, PartialEq, Eq, Default, Args)]
#[command(after_help = "Example: user @anna:example.org")]
pub struct User {
    /// The user's ID; of a local user, the part before the colon is enough
    #[arg(value_name = "ID")]
    pub user: String,
    /// The bundle's file; without it, the newest one in the bundles folder
    #[arg(long, value_name = "PATH")]
    pub bundle: Option<PathBuf>,
}
