//! What an import, a verification, a doctor's round and a status tell: plain data that `report` renders.

use std::collections::BTreeMap;

use ruma::{OwnedRoomId, OwnedUserId};
use serde::{Deserialize, Serialize};

pub use super::local::messages::Why as NotSent;
use super::plan::{NamedMedium, Why};
pub use super::user_data::outcome::UserDataVerification;
use crate::{job::Problem, model::stage::Stages};

/// The end of an import.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct ImportSummary {
    /// The target's software and version.
    pub target: String,
    /// Accounts made by this job or an earlier one of the same bundle.
    pub accounts_created: u64,
    /// Accounts that were there already: password kept.
    pub accounts_adopted: Vec<OwnedUserId>,
    /// Deactivated accounts whose names were reserved.
    pub accounts_reserved: u64,
    /// Rooms carried over.
    pub rooms_carried: u64,
    /// Rooms that were made anew, without their history.
    #[serde(skip_serializing_if = "is_zero")]
    pub rooms_made: u64,
    /// Messages that were sent again into these; nothing if that wasn't asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub messages: Option<MessagesSummary>,
    /// Rooms that were joined through other servers.
    #[serde(skip_serializing_if = "is_zero")]
    pub rooms_joined: u64,
    /// Memberships in such rooms, also where others of the same room are missing.
    #[serde(skip_serializing_if = "is_zero")]
    pub memberships: u64,
    /// Memberships of old accounts that have ended.
    #[serde(skip_serializing_if = "is_zero")]
    pub old_left: u64,
    /// Rooms that nobody is in, but at whose doors people wait again: invited, or having knocked.
    pub rooms_pending: u64,
    /// Rooms that stay behind, by plan.
    pub rooms_skipped: Vec<RoomLeft>,
    /// Rooms that failed.
    pub rooms_failed: u64,
    /// Joins through the resident that the target asked for (`send_join` requests).
    pub remote_joins: u64,
    /// Events replayed.
    pub events_replayed: u64,
    /// Aliases set.
    pub aliases: u64,
    /// Users whose encryption identity was carried.
    pub identities: u64,
    /// Users who have one of their own on the target: it stays.
    pub identities_kept: Vec<OwnedUserId>,
    /// Versions of key backups that were carried.
    pub key_backups: u64,
    /// Rooms in the room directory.
    pub rooms_listed: u64,
    /// Users whose own data are set: account data, push rules, receipts.
    pub user_data: u64,
    /// Local media.
    pub media: MediaSummary,
    /// Milliseconds from start to end.
    pub elapsed_ms: u64,
    /// Where the passwords of new accounts are (0600).
    pub passwords: Option<std::path::PathBuf>,
    /// Stages that this import did not do, by choice.
    #[serde(skip_serializing_if = "Stages::is_empty")]
    pub left_out: Stages,
    /// What could not be done.
    pub problems: Vec<Problem>,
}

/// For what is told only where there is any.
#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands out a reference"
)]
pub(super) fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// Messages of rooms that were made anew, after an import.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct MessagesSummary {
    /// Those that were sent again, by earlier runs too.
    pub sent: u64,
    /// Those that were to be.
    pub planned: u64,
    /// So many are not, and why.
    pub left: BTreeMap<NotSent, u64>,
}

/// The local media after an import.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct MediaSummary {
    /// Files that are on the target, those of earlier runs included.
    pub carried: u64,
    /// Files that were to be carried over.
    pub planned: u64,
    /// How many stay behind by plan, by reason.
    pub left: BTreeMap<Why, u64>,
    /// Those of them that are nobody's choice.
    pub lost: Vec<NamedMedium>,
}

/// A room that stays behind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RoomLeft {
    /// The room.
    pub room_id: OwnedRoomId,
    /// For people.
    pub name: String,
    /// Why, in one clause.
    pub reason: String,
}

/// The target compared with the bundle, read from the target.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Verification {
    /// The target's software and version.
    pub target: String,
    /// The bundle's file name.
    pub bundle: String,
    /// Accounts by ID, with their display names and avatars.
    pub users: Comparison,
    /// Room aliases.
    pub aliases: Comparison,
    /// The old server's signing keys, as the target publishes them; nothing on a stand-in.
    pub keys: Comparison,
    /// Encryption identities by user, with whom each has verified.
    pub identities: Comparison,
    /// Room keys in the users' newest backups.
    pub room_keys: Comparison,
    /// Local media: content, type and name; nothing on a stand-in.
    pub media: Comparison,
    /// How many of these were not read now, because an earlier comparison has read them whole and found them equal.
    pub media_read_before: u64,
    /// Every room of the plan.
    pub rooms: Vec<RoomVerification>,
    /// Rooms that the room directory lists.
    pub listings: Comparison,
    /// What belongs to each user alone.
    pub user_data: UserDataVerification,
    /// Stages that no import has done, by choice: nothing of theirs was compared.
    #[serde(skip_serializing_if = "Stages::is_empty")]
    pub left_out: Stages,
    /// Milliseconds since the Unix epoch at which it ended.
    pub finished_ts: u64,
}

/// One room on the target against the bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RoomVerification {
    /// The room.
    pub room_id: OwnedRoomId,
    /// For people.
    pub name: String,
    /// Room version.
    pub version: Option<String>,
    /// Not carried, by plan: why. Nothing was compared then.
    pub skipped: Option<String>,
    /// Each member with its membership.
    pub members: Comparison,
    /// Current state, by type and state key, except members: event IDs.
    pub state: Comparison,
    /// Current state again, each piece asked for by its type and state key; nothing unless the comparison is deep.
    pub by_key: Comparison,
    /// Timeline event IDs.
    pub timeline: Comparison,
    /// Timeline events that only the target has: the joiner's new join, what was mended, what was said there since.
    pub added: u64,
    /// Whether the events that are in both come in the same order; `None` if the target takes no history.
    pub same_order: Option<bool>,
}

/// Two sets compared.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Comparison {
    /// Things in the bundle.
    pub expected: u64,
    /// Of them, found on the target and equal.
    pub equal: u64,
    /// In the bundle, but missing or different on the target: the thing and what is different.
    pub differences: Vec<String>,
    /// Missing or added for a known and documented reason: the thing and the reason.
    pub known: Vec<String>,
}

impl Comparison {
    /// Nothing differs but for known reasons.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.differences.is_empty()
    }
}

impl RoomVerification {
    /// Everything that was compared is equal, but for known edges.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.members.is_good()
            && self.state.is_good()
            && self.by_key.is_good()
            && self.timeline.is_good()
            && self.same_order != Some(false)
    }

    /// Members and state are equal, but for known edges.
    #[must_use]
    pub fn has_its_state(&self) -> bool {
        self.members.is_good() && self.state.is_good()
    }
}

impl Verification {
    /// Everything is equal, but for known edges.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.users.is_good()
            && self.aliases.is_good()
            && self.keys.is_good()
            && self.identities.is_good()
            && self.room_keys.is_good()
            && self.listings.is_good()
            && self.user_data.is_good()
            && self.media.is_good()
            && self.rooms.iter().all(RoomVerification::is_good)
    }
}

/// One thing that the doctor looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// `target`, `token`, `ping`, `admin`, `resident`, `synapse`, …
    pub check: String,
    /// Sound, or not.
    pub state: Health,
    /// What was seen; for anything but [`Health::Good`], with the remedy.
    pub text: String,
}

/// How a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// As it should be.
    Good,
    /// It works, but somebody should look.
    Warning,
    /// It can't work like this.
    Bad,
}

/// Where the migration stands, from the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Status {
    /// The bundle of the last import or verification, if there was one.
    pub bundle: Option<String>,
    /// Accounts done, of how many in the bundle.
    pub accounts: (u64, u64),
    /// Rooms done, of how many in the bundle.
    pub rooms: (u64, u64),
    /// Media files done, of how many that are to be carried.
    pub media: (u64, u64),
    /// Events replayed.
    pub events: u64,
    /// Steps that failed.
    pub failed: u64,
    /// The job that runs now, if one does.
    pub running: Option<String>,
}
