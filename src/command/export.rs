//! `export`: what is read, from where, and where it goes.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::model::wanted::{History, Media, Wanted};

/// What an operator says about an export.
#[derive(Debug, Clone, PartialEq, Eq, Default, Args)]
#[command(after_help = "Examples:\n  \
    export --out before-the-move.tar.zst\n  \
    export --source db --media all\n  \
    export --inventory\n  \
    export --act-as-users --history since:2026-01-01\n  \
    export --users anna --users '@b*:example.org' --rooms '#team-*:example.org'")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of the operator's"
)]
pub struct Export {
    /// The bundle's file (.tar.zst or .tar; anything else is a folder); without it, a new .tar.zst in the bundles
    /// folder, named after the time
    #[arg(long, value_name = "PATH")]
    pub out: Option<PathBuf>,
    /// How Synapse is read: by its Admin API, or from its database; without it, from the database if it is configured
    /// and readable
    #[arg(long, value_name = "READER")]
    pub source: Option<Source>,
    /// Only these users: IDs, names, or patterns with * and ?
    #[arg(long, value_name = "USER", num_args = 1.., value_delimiter = ',')]
    pub users: Vec<String>,
    /// Only these rooms: IDs, aliases, or patterns of them with * and ?
    #[arg(long, value_name = "ROOM", num_args = 1.., value_delimiter = ',')]
    pub rooms: Vec<String>,
    /// Only what there is, to look at: users, devices, rooms with their state and members; quick, but nothing can be
    /// imported from it
    #[arg(long, conflicts_with_all = ["history", "media", "media_path", "quarantined", "act_as_users", "include_password_hashes"])]
    pub inventory: bool,
    /// Devices and their keys
    #[arg(long, value_name = "yes|no", default_value = "yes")]
    pub devices: Choice,
    /// Messages: all, none, the last N of each room, or since:DATE (such as since:2026-01-31)
    #[arg(long, value_name = "HOW MUCH", default_value_t)]
    pub history: History,
    /// Local media: none, refs (the list), all (with contents), or newer-than:DAYS
    #[arg(long, value_name = "WHICH", default_value_t)]
    pub media: Media,
    /// Synapse's media folder, if contents are wanted from the database; without it, the configured one
    #[arg(long, value_name = "FOLDER")]
    pub media_path: Option<PathBuf>,
    /// With the contents of quarantined media, too: after an import anybody who knows their addresses gets them
    #[arg(long)]
    pub quarantined: bool,
    /// Log in as each user, and out again, for what only they can see: push rules, tags, receipts, key backups (Admin
    /// API; their device lists don't change)
    #[arg(long)]
    pub act_as_users: bool,
    /// Take the password hashes along, for the login bridge (database)
    #[arg(long)]
    pub include_password_hashes: bool,
}

/// A reader of Synapse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Source {
    /// Its Admin and Client API
    Api,
    /// Its database and media folder
    Db,
}

/// Yes or no.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Choice {
    /// With it
    #[default]
    Yes,
    /// Without it
    No,
}

impl Export {
    /// What is to be read.
    #[must_use]
    pub fn wanted(&self) -> Wanted {
        Wanted {
            users: self.users.clone(),
            rooms: self.rooms.clone(),
            inventory: self.inventory,
            devices: self.devices == Choice::Yes,
            history: if self.inventory {
                History::None
            } else {
                self.history
            },
            media: if self.inventory {
                Media::None
            } else {
                self.media
            },
            quarantined: self.quarantined,
            act_as_users: self.act_as_users,
            password_hashes: self.include_password_hashes,
        }
    }
}
