//! `sync [--no-passwords] [--follow [--every MINUTES]]`.

use clap::Args;

/// How.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Args)]
#[command(after_help = "Example: sync --follow")]
pub struct Sync {
    /// As for `import`
    #[arg(long)]
    pub no_passwords: bool,
    /// Go on until `cancel` (in the shell: Ctrl-C), and carry each event over as soon as Synapse has it; everything else, and
    /// rooms where one event can't come alone, with a whole sync from time to time
    #[arg(long)]
    pub follow: bool,
    /// With --follow: how many minutes there are between two whole syncs at the most, or four times as long as the last one
    /// took, if that is more
    #[arg(long, value_name = "MINUTES", default_value_t = EVERY, requires = "follow", value_parser = clap::value_parser!(u64).range(1..=1440))]
    pub every: u64,
}

/// Where nobody says how often.
const EVERY: u64 = 10;

impl Default for Sync {
    fn default() -> Self {
        Self {
            no_passwords: false,
            follow: false,
            every: EVERY,
        }
    }
}
