//! `bundle verify [PATH]`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// What is done, and with which.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(after_help = "Examples:\n  bundle verify\n  bundle verify before-the-move.tar.zst")]
pub struct Bundle {
    /// What to do
    #[arg(value_enum, value_name = "WHAT")]
    pub what: What,
    /// The bundle's file; without it, the newest one in the bundles folder
    #[arg(value_name = "PATH")]
    pub path: Option<PathBuf>,
}

/// What can be done with a bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum What {
    /// Look whether it is whole: checksums, numbers, event IDs, signatures.
    Verify,
}
