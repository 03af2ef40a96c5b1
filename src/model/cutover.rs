//! The steps from the last syncs to the day after.

use serde::{Deserialize, Serialize};

/// One step of the cutover.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// Most of what has changed since the import comes over while Synapse is open.
    CatchUp,
    /// The proxy answers what is written with a 503.
    Freeze,
    /// The rest comes over.
    LastSync,
    /// Tuwunel is compared with the newest bundle.
    Verify,
    /// The proxy hands everything to Tuwunel.
    Switch,
    /// Tuwunel's settings for the migration are taken back.
    Settings,
    /// The rooms that other servers share hear of the new one.
    Federation,
}

impl Step {
    /// All of them, in their order.
    pub const ALL: [Self; 7] = [
        Self::CatchUp,
        Self::Freeze,
        Self::LastSync,
        Self::Verify,
        Self::Switch,
        Self::Settings,
        Self::Federation,
    ];

    /// The word for it in a command.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::CatchUp => "catch-up",
            Self::Freeze => "freeze",
            Self::LastSync => "last-sync",
            Self::Verify => "verify",
            Self::Switch => "switch",
            Self::Settings => "settings",
            Self::Federation => "federation",
        }
    }
}
