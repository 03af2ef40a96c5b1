//! `why REF`.

use clap::Args;

/// Which failure.
#[derive(Debug, Clone, PartialEq, Eq, Default, Args)]
#[command(after_help = "Example: why 3f9a01c2")]
pub struct Why {
    /// The sign before a line of what could not be done
    #[arg(value_name = "REF")]
    pub reference: String,
}
