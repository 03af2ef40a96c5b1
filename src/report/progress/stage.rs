//! What a phase is called.

use crate::job::Phase;

/// The stage that a phase is, for people. A new phase is one line here.
pub(in crate::report) fn name(phase: Phase) -> &'static str {
    match phase {
        Phase::ExportUsers => "reading accounts",
        Phase::ExportRooms => "reading rooms",
        Phase::ExportKeyBackups => "reading key backups",
        Phase::ExportMedia => "reading media",
        Phase::ExportServerKeys => "reading server keys",
        Phase::ExportPack => "packing the bundle",
        Phase::Accounts => "accounts",
        Phase::Admins => "admin rights",
        Phase::Addresses => "e-mail addresses",
        Phase::Profiles => "names and pictures",
        Phase::Rooms => "rooms",
        Phase::Aliases => "aliases",
        Phase::Identities => "encryption identities",
        Phase::Signatures => "verified people",
        Phase::KeyBackups => "key backups",
        Phase::Listings => "room directory",
        Phase::UserData => "settings",
        Phase::Media => "media",
        Phase::VerifyUsers => "comparing accounts",
        Phase::VerifyIdentities => "comparing encryption identities",
        Phase::VerifyKeyBackups => "comparing key backups",
        Phase::VerifyRooms => "comparing rooms",
        Phase::VerifyUserData => "comparing settings",
        Phase::VerifyMedia => "comparing media",
    }
}
