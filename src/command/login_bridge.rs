//! `login-bridge [--bundle PATH] [--days N]`: in the shell only.

use std::path::PathBuf;

use clap::Args;

/// From which bundle, and for how long.
#[derive(Debug, Clone, PartialEq, Eq, Default, Args)]
#[command(after_help = "Example: login-bridge --bundle with-hashes.tar.zst --days 60")]
pub struct LoginBridge {
    /// The imported bundle, made with --include-password-hashes; without it, the newest one. Needed at the first start only
    #[arg(long, value_name = "PATH")]
    pub bundle: Option<PathBuf>,
    /// End after so many days, counted from the first start, and erase the hashes that are left
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=3650))]
    pub days: Option<u32>,
}
