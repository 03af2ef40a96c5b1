//! `plan [--bundle PATH] [--history HOW MUCH] [--media WHICH] [--media-max-size MIB] [--admins]
//! [--mode MODE] [--replay-messages] [--via SERVER …] [--leave-old] [--only STAGE,… | --except STAGE,…] [--json]`.

use std::path::PathBuf;

use clap::Args;
use ruma::OwnedServerName;

use super::{import::server, stages::Choice};
use crate::model::{media_wish::WhichMedia, mode::Mode, replayed::Replayed};

/// Which bundle, and in which form.
#[derive(Debug, Clone, PartialEq, Eq, Default, Args)]
#[command(after_help = "Example: plan --bundle before-the-move.tar.zst")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a choice of its own, made or not"
)]
pub struct Plan {
    /// The bundle's file; without it, the newest one in the bundles folder
    #[arg(long, value_name = "PATH")]
    pub bundle: Option<PathBuf>,
    /// As for `import`
    #[arg(long, value_name = "HOW MUCH")]
    pub history: Option<Replayed>,
    /// As for `import`
    #[arg(long, value_name = "WHICH")]
    pub media: Option<WhichMedia>,
    /// As for `import`
    #[arg(long, value_name = "MIB")]
    pub media_max_size: Option<u32>,
    /// As for `import`
    #[arg(long)]
    pub admins: bool,
    /// As for `import`
    #[arg(long, value_name = "MODE")]
    pub mode: Option<Mode>,
    /// As for `import`
    #[arg(long)]
    pub replay_messages: bool,
    /// As for `import`
    #[arg(long, value_name = "SERVER", value_parser = server)]
    pub via: Vec<OwnedServerName>,
    /// As for `import`
    #[arg(long)]
    pub leave_old: bool,
    /// As for `import`
    #[command(flatten)]
    pub stages: Choice,
    /// The whole plan as JSON
    #[arg(long)]
    pub json: bool,
}
