//! Every command, declared once: the shell and the control room parse, explain and list them from here.

use std::path::{Component, Path, PathBuf};

use clap::Subcommand;

use crate::{Error, Result};

pub mod ack;
pub mod audit;
pub mod bot_keys;
pub mod bundle;
pub mod bundles;
pub mod cancel;
pub mod chat;
pub mod check;
pub mod confirm;
pub mod cutover;
pub mod docs;
pub mod doctor;
pub mod export;
pub mod freeze;
pub mod help;
pub mod import;
pub mod login_bridge;
pub mod pause;
pub mod plan;
pub mod report;
pub mod resume;
pub mod retry;
pub mod room;
pub mod sign_on;
pub mod stages;
pub mod status;
pub mod sync;
pub mod user;
pub mod verify;
pub mod why;

/// Jobs that bring accounts and rooms to the target.
pub const CARRYING: [&str; 4] = ["import", "retry", "sync", "cutover"];

/// What an operator can order, in the room as `!ferry …` and in the shell as `ferryman …`.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum Command {
    /// The list of commands, or one with its options and an example
    Help(help::Help),
    /// Look whether the installation itself is sound: tokens, ping, admin rights, resident, Synapse
    Doctor(doctor::Doctor),
    /// Look whether the move can begin: servers, keys, resident, bundle, rooms, users, disk, clocks; nothing is changed
    Check(check::Check),
    /// Accept a warning of the last `check` by its code
    Ack(ack::Ack),
    /// Read Synapse into a bundle; Synapse is not changed
    Export(export::Export),
    /// The bundles that are there: what is in each, and whether it can be used
    Bundles(bundles::Bundles),
    /// Look whether a bundle is whole: `bundle verify`
    Bundle(bundle::Bundle),
    /// Say what an import would do with every user and every room; nothing is changed
    Plan(plan::Plan),
    /// Carry a bundle's accounts, rooms and history to the target; again, to go on where it stopped
    Import(import::Import),
    /// Do again what has failed, or one room or user; nothing else is touched
    Retry(retry::Retry),
    /// Carry over what has changed on Synapse since the last import; as often as you like, until the switch
    Sync(sync::Sync),
    /// The last steps to the switch and after it, one by one: what is done, what comes next, and `cutover next` to take it
    Cutover(cutover::Cutover),
    /// How to let nobody write on Synapse while all can read, and whether it is so
    Freeze(freeze::Freeze),
    /// How to let everybody write again, and whether it is so
    Unfreeze(freeze::Unfreeze),
    /// How to go back to Synapse from here, and what would be lost; nothing is changed
    Rollback(cutover::Rollback),
    /// In the control room: carry out what you ordered, once you have seen its preview
    Confirm(confirm::Confirm),
    /// Where the migration stands, and how far the running job is
    Status(status::Status),
    /// Let the running job wait after its current step
    Pause(pause::Pause),
    /// Let a paused job go on
    Resume(resume::Resume),
    /// Stop the running job after its current step; the same command again goes on from there
    Cancel(cancel::Cancel),
    /// What became of one user: account, settings, keys, rooms, and what could not be done
    User(user::User),
    /// What became of one room: members, history, and what could not be done
    Room(room::Room),
    /// Why something could not be done, and what to do about it
    Why(why::Why),
    /// Who logs in by single sign-on, and what Tuwunel must be told to know them again; nothing is changed
    SignOn(sign_on::SignOn),
    /// Compare the target with a bundle: accounts, aliases, members, state, history
    Verify(verify::Verify),
    /// The newest full report of each command, as files
    Report(report::Report),
    /// Who ordered what, when, and how it ended
    Audit(audit::Audit),
    /// Bots' room keys: out of their crypto stores into their key backups, compared one by one
    BotKeys(Box<bot_keys::BotKeys>),
}

impl Command {
    /// The word that names it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Help(_) => "help",
            Self::Doctor(_) => "doctor",
            Self::Check(_) => "check",
            Self::Ack(_) => "ack",
            Self::Export(_) => "export",
            Self::Bundles(_) => "bundles",
            Self::Bundle(_) => "bundle",
            Self::Plan(_) => "plan",
            Self::Import(_) => "import",
            Self::Retry(_) => "retry",
            Self::Sync(_) => "sync",
            Self::Cutover(_) => "cutover",
            Self::Freeze(_) => "freeze",
            Self::Unfreeze(_) => "unfreeze",
            Self::Rollback(_) => "rollback",
            Self::Confirm(_) => "confirm",
            Self::Status(_) => "status",
            Self::Pause(_) => "pause",
            Self::Resume(_) => "resume",
            Self::Cancel(_) => "cancel",
            Self::User(_) => "user",
            Self::Room(_) => "room",
            Self::Why(_) => "why",
            Self::SignOn(_) => "sign-on",
            Self::Verify(_) => "verify",
            Self::Report(_) => "report",
            Self::Audit(_) => "audit",
            Self::BotKeys(_) => bot_keys::NAME,
        }
    }

    /// Whether it asks the target, and so needs the registrations' tokens.
    #[must_use]
    pub fn needs_tokens(&self) -> bool {
        match self {
            Self::Doctor(_)
            | Self::Check(_)
            | Self::Plan(_)
            | Self::Import(_)
            | Self::Retry(_)
            | Self::Sync(_)
            | Self::Cutover(_)
            | Self::Rollback(_)
            | Self::Verify(_) => true,
            Self::BotKeys(order) => order.door().is_some(),
            _ => false,
        }
    }

    /// Whether it is a job: long, with progress, and only one at a time.
    #[must_use]
    pub fn is_job(&self) -> bool {
        match self {
            Self::Cutover(cutover) => cutover.which.is_some(),
            _ => matches!(
                self,
                Self::Export(_)
                    | Self::Bundle(_)
                    | Self::Import(_)
                    | Self::Retry(_)
                    | Self::Sync(_)
                    | Self::Verify(_)
                    | Self::BotKeys(_)
            ),
        }
    }

    /// Whether it changes a server, so that whoever orders it in the room sees beforehand what will be done.
    #[must_use]
    pub fn needs_confirmation(&self) -> bool {
        match self {
            // A sync does what was confirmed with the import, for what is new.
            Self::Import(_) | Self::Retry(_) => true,
            Self::Export(export) => export.act_as_users,
            Self::BotKeys(order) => order.changes_server(),
            _ => false,
        }
    }

    /// Whether it does nothing but look, also at servers.
    #[must_use]
    pub fn only_looks(&self) -> bool {
        self.only_looks_back()
            || matches!(
                self,
                Self::Doctor(_)
                    | Self::Check(_)
                    | Self::Plan(_)
                    | Self::User(_)
                    | Self::Room(_)
                    | Self::Freeze(_)
                    | Self::Unfreeze(_)
                    | Self::Rollback(_)
                    | Self::Verify(_)
                    | Self::Bundle(_)
            )
    }

    /// Whether it only looks at what this installation has noted: nothing that anybody need know of later.
    #[must_use]
    pub fn only_looks_back(&self) -> bool {
        matches!(
            self,
            Self::Help(_)
                | Self::Bundles(_)
                | Self::Status(_)
                | Self::Why(_)
                | Self::Report(_)
                | Self::Audit(_)
        )
    }

    /// The same command with its path inside a folder: whoever writes in the room has no shell on this machine.
    pub fn confined(mut self, dir: &Path) -> Result<Self> {
        let path = match &mut self {
            Self::Export(export) => {
                if let Some(folder) = &export.media_path {
                    return Err(Error::Usage(format!(
                        "--media-path {} can't be given from the room: set synapse.media_path in the configuration, or use the shell",
                        folder.display()
                    )));
                }
                &mut export.out
            }
            Self::Check(check) => &mut check.bundle,
            Self::Plan(plan) => &mut plan.bundle,
            Self::Import(import) => &mut import.bundle,
            Self::Retry(retry) => &mut retry.bundle,
            Self::User(user) => &mut user.bundle,
            Self::Room(room) => &mut room.bundle,
            Self::SignOn(sign_on) => &mut sign_on.bundle,
            Self::Verify(verify) => &mut verify.bundle,
            Self::Bundle(bundle) => &mut bundle.path,
            Self::Help(_)
            | Self::Doctor(_)
            | Self::Bundles(_)
            | Self::Ack(_)
            | Self::Status(_)
            | Self::Why(_)
            | Self::Confirm(_)
            | Self::Sync(_)
            | Self::Cutover(_)
            | Self::Freeze(_)
            | Self::Unfreeze(_)
            | Self::Rollback(_)
            | Self::Pause(_)
            | Self::Resume(_)
            | Self::Cancel(_)
            | Self::Report(_)
            | Self::Audit(_)
            // Its words were looked at.
            | Self::BotKeys(_) => return Ok(self),
        };
        if let Some(given) = path.take() {
            *path = Some(inside(dir, &given)?);
        }
        Ok(self)
    }
}

fn inside(dir: &Path, given: &Path) -> Result<PathBuf> {
    let relative = given.strip_prefix(dir).unwrap_or(given);
    let mut parts = relative.components();
    match (parts.next(), parts.next()) {
        (Some(Component::Normal(name)), None) => Ok(dir.join(name)),
        _ => Err(Error::Usage(format!(
            "{} is not in {}: from the room only file names in that folder are taken; use the shell for other places",
            given.display(),
            dir.display()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn import(path: &str) -> Command {
        Command::Import(import::Import {
            bundle: Some(path.into()),
            ..import::Import::default()
        })
    }

    #[test]
    fn the_room_names_no_media_folder() {
        let export = Command::Export(export::Export {
            media_path: Some("/etc".into()),
            ..export::Export::default()
        });
        insta::assert_snapshot!(export.confined(Path::new("data/bundles")).unwrap_err(), @"--media-path /etc can't be given from the room: set synapse.media_path in the configuration, or use the shell");
    }

    #[test]
    fn the_room_reaches_no_other_folder() {
        let dir = Path::new("data/bundles");
        let good = import("data/bundles/a.tar.zst");
        assert_eq!(import("a.tar.zst").confined(dir).unwrap(), good);
        assert_eq!(good.clone().confined(dir).unwrap(), good);
        for bad in [
            "/etc/passwd",
            "../a",
            "x/../../a",
            "data/bundles/../a",
            "",
            ".",
            "..",
        ] {
            assert!(import(bad).confined(dir).is_err(), "{bad}");
        }
    }
}
