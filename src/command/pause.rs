//! `pause`.

use clap::Args;

/// No options.
#[derive(Debug, Clone, PartialEq, Eq, Default, Args)]
#[command(
    after_help = "An export from PostgreSQL keeps its transaction open while it waits, so don't let it wait for days. Example: pause"
)]
pub struct Pause {}
