//! What a step has done for a bot.

use std::path::PathBuf;

use ruma::OwnedUserId;

use crate::{
    Error, Result,
    bot_keys::{
        errand::{All, Found},
        key_backup::{enable::Enabled, upload::Uploaded, verify::Verified},
        old_device::Device,
        safekeeping::{
            keep::{Kept, Storage},
            restore::Restored,
        },
    },
    secret::SecretString,
};

/// A step that was done.
#[expect(missing_docs, reason = "each is what its step has returned")]
pub enum Done {
    Kept(Kept),
    Restored {
        restored: Restored,
        kept: PathBuf,
        storage: Storage,
    },
    Extracted {
        found: Found,
        /// All that was written.
        files: Vec<PathBuf>,
        /// The one of them that anybody can read.
        plain: Option<PathBuf>,
    },
    Enabled {
        user: OwnedUserId,
        enabled: Enabled,
        /// The recovery key, if somebody has asked to see it.
        shown: Option<SecretString>,
    },
    Uploaded {
        user: OwnedUserId,
        found: Found,
        uploaded: Uploaded,
    },
    Verified {
        user: OwnedUserId,
        found: Found,
        verified: Verified,
    },
    Deleted {
        user: OwnedUserId,
        device: Device,
    },
    All {
        all: Box<All>,
        /// The recovery key, if somebody has asked to see it.
        shown: Option<SecretString>,
    },
}

impl Done {
    /// Whether nothing is missing.
    #[must_use]
    pub fn is_good(&self) -> bool {
        match self {
            Self::Kept(_) | Self::Restored { .. } | Self::Deleted { .. } => true,
            Self::Enabled { enabled, .. } => enabled.is_findable(),
            Self::Extracted { found, .. } => found.is_whole(),
            Self::Uploaded {
                found, uploaded, ..
            } => found.is_whole() && uploaded.failed.is_empty(),
            Self::Verified {
                found, verified, ..
            } => found.is_whole() && verified.is_complete(),
            Self::All { all, .. } => all.is_complete(),
        }
    }
}

/// What came of a step for a bot.
pub struct Outcome {
    /// The bot, where it was named.
    pub user: Option<OwnedUserId>,
    /// What was done, or why not.
    pub result: std::result::Result<Done, Error>,
}

impl Outcome {
    pub(super) fn of(user: Option<OwnedUserId>, result: Result<Done>) -> Self {
        Self { user, result }
    }

    /// Whether nothing is missing.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.result.as_ref().is_ok_and(Done::is_good)
    }
}
