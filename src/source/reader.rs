//! What both readers of Synapse can do.

use std::collections::BTreeSet;

use ruma::OwnedServerName;

use super::{about::About, intake::Intake};
use crate::Result;

/// A Synapse that can be read, section by section, in the order of these methods.
///
/// Records come in bytewise order of their keys, whatever the reader, so that two bundles of the same server are
/// equal. What can't be read of one user, room or item becomes a problem ([`Intake::problem`]); an error ends the
/// export.
pub trait Reader: Send {
    /// Which server this is. Nothing is written before it answered: a wrong token or database ends here.
    fn about(&mut self) -> impl Future<Output = Result<About>> + Send;

    /// [`Record::User`](super::intake::Record::User), by user ID.
    fn users(&mut self, to: &Intake) -> impl Future<Output = Result<()>> + Send;

    /// [`Record::KeyBackup`](super::intake::Record::KeyBackup), by user, version (as a number), room and session.
    fn key_backups(&mut self, to: &Intake) -> impl Future<Output = Result<()>> + Send;

    /// Each room's [`Record::Events`](super::intake::Record::Events) and
    /// [`Record::Snapshot`](super::intake::Record::Snapshot), then its [`Record::Room`](super::intake::Record::Room);
    /// by room ID.
    ///
    /// Timeline events come in Synapse's order (depth, then stream position), snapshots in the order of their events,
    /// outliers each after its own auth events, and by ID where that leaves a choice.
    fn rooms(&mut self, to: &Intake) -> impl Future<Output = Result<()>> + Send;

    /// [`Record::Media`](super::intake::Record::Media), by user and media ID, those of nobody last.
    fn media(&mut self, to: &Intake) -> impl Future<Output = Result<()>> + Send;

    /// [`Record::ServerKeys`](super::intake::Record::ServerKeys) of our own server, and of `servers`: those that signed
    /// an event.
    fn server_keys(
        &mut self,
        servers: BTreeSet<OwnedServerName>,
        to: &Intake,
    ) -> impl Future<Output = Result<()>> + Send;

    /// Requests sent to Synapse so far.
    fn requests(&self) -> u64 {
        0
    }
}
