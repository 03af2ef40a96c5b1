//! `import [--bundle PATH] [--history HOW MUCH]`.

use std::path::PathBuf;

use clap::Args;

use crate::model::replayed::Replayed;

/// Which bundle, and how.
#[derive(Debug, Clone, PartialEq, Eq, Default, Args)]
#[command(after_help = "Example: import --bundle before-the-move.tar.zst")]
pub struct Import {
    /// The bundle's file; without it, the newest one in the bundles folder
    #[arg(long, value_name = "PATH")]
    pub bundle: Option<PathBuf>,
    /// How much of each room's history is replayed: all, none, or the last N events; what is older comes as backfill.
    /// Without it: all, or the last 1,000 where the target shows the past of a room only to those who may see it
    #[arg(long, value_name = "HOW MUCH")]
    pub history: Option<Replayed>,
}
