//! `confirm CODE`.

use clap::Args;

/// Which order.
#[derive(Debug, Clone, PartialEq, Eq, Default, Args)]
#[command(after_help = "Example: confirm K7Q2M")]
pub struct Confirm {
    /// What stands below the preview of your order
    #[arg(value_name = "CODE")]
    pub code: String,
}
