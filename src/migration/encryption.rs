//! What a user's next client needs to read the encrypted past with nothing but the recovery key: their public identity,
//! and the server's copy of their room keys. All of it is opaque here.

pub mod backups;
pub mod identities;
mod same;
pub mod signatures;
pub mod verify;

use super::context::Import;
use crate::Result;

/// How it ended for a user, as the ledger keeps it.
pub mod how {
    /// The bundle has nothing of it.
    pub const NONE: &str = "none";
    /// Carried.
    pub const CARRIED: &str = "carried";
    /// The user has something of their own on the target: that stays.
    pub const THEIRS: &str = "theirs";
}

/// Identities, whom each of them has verified, then backups.
pub async fn run(import: &Import) -> Result<()> {
    identities::run(import).await?;
    signatures::run(import).await?;
    backups::run(import).await
}
