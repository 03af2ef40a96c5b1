//! `import [--bundle PATH] [--history HOW MUCH] [--media WHICH] [--media-max-size MIB] [--admins] [--no-passwords]
//! [--mode MODE] [--replay-messages] [--via SERVER …] [--leave-old] [--only STAGE,… | --except STAGE,…]`.

use std::path::PathBuf;

use clap::Args;
use ruma::OwnedServerName;

use super::stages::Choice;
use crate::model::{media_wish::WhichMedia, mode::Mode, replayed::Replayed};

/// A server's name.
pub(super) fn server(text: &str) -> Result<OwnedServerName, String> {
    OwnedServerName::try_from(text)
        .map_err(|_| "give a server's name, such as `example.org`".to_owned())
}

/// Which bundle, and how.
#[derive(Debug, Clone, PartialEq, Eq, Default, Args)]
#[command(after_help = "Example: import --bundle before-the-move.tar.zst")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a choice of its own, made or not"
)]
pub struct Import {
    /// The bundle's file; without it, the newest one in the bundles folder
    #[arg(long, value_name = "PATH")]
    pub bundle: Option<PathBuf>,
    /// How much of each room's history is replayed: all, none, the last N events, or auto (100 to 1,000 by the room's
    /// size); what is older comes as backfill, which is faster. Without it: all, or auto where the target shows a room's
    /// past only to those who may see it
    #[arg(long, value_name = "HOW MUCH")]
    pub history: Option<Replayed>,
    /// Which local media are carried: all that the bundle has, none, or newer-than:DAYS before the export. Without it: as
    /// before, at first all
    #[arg(long, value_name = "WHICH")]
    pub media: Option<WhichMedia>,
    /// The largest file that is carried, in MiB; without it and --media: as before, at first any
    #[arg(long, value_name = "MIB")]
    pub media_max_size: Option<u32>,
    /// Make the admins of Synapse admins of the target, too
    #[arg(long)]
    pub admins: bool,
    /// New accounts get a password that nobody is told, instead of one in the passwords file: for single sign-on, JWT, LDAP
    #[arg(long)]
    pub no_passwords: bool,
    /// Which rooms are made anew on the target, with their state and members, but without their history: none (resident),
    /// those that can't be carried over (fallback), or all (local). With federation no room is carried: users join them
    /// through the servers that are in them, also under another server's name. Without it: as before, at first none
    #[arg(long, value_name = "MODE")]
    pub mode: Option<Mode>,
    /// Send the messages of rooms that are made anew again, by those who have said them and with their times; only with
    /// --mode fallback or local. An import that was begun so goes on so
    #[arg(long)]
    pub replay_messages: bool,
    /// With --mode federation: a server through which rooms are joined, before those that the bundle finds in each room;
    /// may be given several times. Without it: as before
    #[arg(long, value_name = "SERVER", value_parser = server)]
    pub via: Vec<OwnedServerName>,
    /// With --mode federation: old accounts leave the rooms that the new ones have joined
    #[arg(long)]
    pub leave_old: bool,
    /// Which stages.
    #[command(flatten)]
    pub stages: Choice,
    /// The digest of the plan that was confirmed in the room: with another one nothing is done.
    #[arg(skip)]
    pub confirmed: Option<[u8; 32]>,
}
