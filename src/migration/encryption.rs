//! What a user's next client needs to read the encrypted past with nothing but the recovery key: their public identity,
//! and the server's copy of their room keys. All of it is opaque here.

pub mod backups;
pub mod identities;
mod same;
pub mod signatures;
pub mod verify;
mod versions;

use ruma::{OwnedUserId, UserId};

use super::context::Import;
use crate::{
    Result,
    bundle::{Bundle, OfUser},
    ledger::{Entry, Step},
    model::cross_signing::CrossSigning,
};
pub(in crate::migration) use versions::Versions;

/// How it ended for a user, as the ledger keeps it.
pub mod how {
    /// The bundle has nothing of it.
    pub const NONE: &str = "none";
    /// Carried.
    pub const CARRIED: &str = "carried";
    /// A later version of it is on the target already.
    pub const OLDER: &str = "older";
    /// The user has something of their own on the target: that stays.
    pub const THEIRS: &str = "theirs";
}

/// What becomes of a user's secrets: account data that is worth something only with their identity and their backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Secrets {
    /// They are set.
    Carried,
    /// The user has encryption of their own on the target: theirs stay.
    LeftOut,
    /// Nobody knows yet.
    Unknown,
}

/// Decided by what the identity's step has found.
pub(super) fn secrets(import: &Import, user: &UserId) -> Result<Secrets> {
    let identity = import.ledger.entry(Step::Identity, user)?;
    Ok(match identity.filter(Entry::is_done) {
        None => Secrets::Unknown,
        Some(entry) if entry.detail == how::THEIRS => Secrets::LeftOut,
        Some(_) => Secrets::Carried,
    })
}

/// Whom of their own server somebody has verified.
pub(super) fn signed_by(bundle: &Bundle, user: &UserId) -> Result<Vec<OwnedUserId>> {
    let keys: CrossSigning = bundle.of_user(OfUser::CrossSigning, user)?;
    Ok(signatures::made(&keys, user.server_name())
        .into_keys()
        .collect())
}

/// Everybody's identity, unless they have one of their own.
pub async fn carry_identities(import: &Import) -> Result<()> {
    identities::run(import, versions(import).await?).await
}

/// The backups of those.
pub async fn carry_backups(import: &Import) -> Result<()> {
    backups::run(import, versions(import).await?).await
}

/// Read once, for it is a pass over all backups.
async fn versions(import: &Import) -> Result<&Versions> {
    let read = async { tokio::task::block_in_place(|| Versions::read(&import.bundle)) };
    import.versions.get_or_try_init(|| read).await
}
