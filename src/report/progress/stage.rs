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
        Phase::VerifyBundle => "checking the bundle's rooms",
        Phase::VerifyUsers => "comparing accounts",
        Phase::VerifyIdentities => "comparing encryption identities",
        Phase::VerifyKeyBackups => "comparing key backups",
        Phase::VerifyRooms => "comparing rooms",
        Phase::VerifyUserData => "comparing settings",
        Phase::VerifyMedia => "comparing media",
        Phase::BotKeysExtract => "reading the bot's store",
        Phase::BotKeysUpload => "putting keys into the backup",
        Phase::BotKeysVerify => "comparing the backup",
        Phase::Follow => "following Synapse",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::stage::Stage;

    #[test]
    fn a_command_calls_a_stage_what_its_progress_calls_it() {
        let phases = [
            Phase::Accounts,
            Phase::Admins,
            Phase::Addresses,
            Phase::Profiles,
            Phase::Rooms,
            Phase::Aliases,
            Phase::Identities,
            Phase::Signatures,
            Phase::KeyBackups,
            Phase::Listings,
            Phase::UserData,
            Phase::Media,
        ];
        let shown = phases.map(|phase| name(phase).replace(' ', "-"));
        assert_eq!(shown, Stage::ALL.map(Stage::name));
    }
}
