//! What will happen to every user and every room: plain data, decided from the bundle and the target's abilities alone.

use std::collections::BTreeSet;

use ruma::{OwnedRoomId, OwnedServerName, OwnedUserId, RoomVersionId, UserId};
use serde::Serialize;
use sha2::{Digest, Sha256};

pub use super::{
    federation::{new_ids::NewIds, planner::Way},
    local::planner::Recreation,
    media::planner::{MediaPlan, NamedMedium, Why},
    pending::waiting::Waiting,
    people::People,
};
pub use crate::model::mode::Mode;
use crate::model::stage::Stages;
pub use crate::model::{abilities::Abilities, join_point::JoinPoint, replayed::Replayed};

/// The whole plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a choice of its own, made or not"
)]
pub struct Plan {
    /// The server.
    pub server_name: OwnedServerName,
    /// The bundle's file name.
    pub bundle: String,
    /// Whether its export came to the end of everything.
    pub complete: bool,
    /// What the target can take.
    pub target: Abilities,
    /// How much of each room's history is replayed.
    pub history: Replayed,
    /// Every user of the bundle.
    pub users: Vec<UserPlan>,
    /// Every room of the bundle.
    pub rooms: Vec<RoomPlan>,
    /// What is shared with other servers.
    pub shared: Shared,
    /// What else there is to know about users.
    pub people: People,
    /// Whether admins of Synapse become admins of the target.
    pub admins: bool,
    /// The local media.
    pub media: MediaPlan,
    /// Stages that are not done, by choice.
    #[serde(skip_serializing_if = "Stages::is_empty")]
    pub left_out: Stages,
    /// Which rooms are made anew.
    #[serde(skip_serializing_if = "Mode::is_usual")]
    pub mode: Mode,
    /// Whether the messages of these are sent again.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub replay_messages: bool,
    /// Who gets which ID on the target; in all modes but one, everybody keeps theirs.
    #[serde(skip_serializing_if = "NewIds::are_same")]
    pub ids: NewIds,
    /// Whether old accounts leave the rooms that the new ones are in.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub leave_old: bool,
    /// Rooms that stay behind and could be made anew.
    #[serde(skip_serializing_if = "super::outcome::is_zero")]
    pub could_be_made: u64,
}

impl Plan {
    /// The stages that are done.
    #[must_use]
    pub fn stages(&self) -> Stages {
        let all = self.left_out.others();
        if self.mode == Mode::Federation {
            all.in_both(super::federation::STAGES)
        } else {
            all
        }
    }

    /// SHA-256 of all that the import would do: two plans with the same one do the same.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        let mut plan = self.clone();
        // An import finds these itself, one by one.
        plan.people.there.clear();
        Sha256::digest(serde_json::to_vec(&plan).unwrap_or_default()).into()
    }
}

#[cfg(test)]
impl Plan {
    /// A plan without users and rooms, for tests.
    pub(crate) fn sample() -> Self {
        Self {
            server_name: "ferry.test".try_into().unwrap(),
            bundle: "b.tar.zst".into(),
            complete: true,
            target: Abilities {
                software: "Tuwunel 1.9.0".into(),
                replay: true,
                room_versions: vec![],
            },
            history: Replayed::All,
            users: vec![],
            rooms: vec![],
            shared: Shared::default(),
            people: People::default(),
            admins: false,
            media: MediaPlan::default(),
            left_out: Stages::NONE,
            mode: Mode::Resident,
            replay_messages: false,
            ids: NewIds::between(
                ruma::server_name!("ferry.test"),
                ruma::server_name!("ferry.test"),
            ),
            leave_old: false,
            could_be_made: 0,
        }
    }
}

/// Rooms that are carried over and have joined members on other servers: these must not hear of it yet.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Shared {
    /// Such rooms.
    pub rooms: u64,
    /// The other servers.
    pub servers: BTreeSet<OwnedServerName>,
}

/// One user's fate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UserPlan {
    /// Who.
    pub user_id: OwnedUserId,
    /// What happens.
    pub action: UserAction,
}

/// What happens to a user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "do")]
pub enum UserAction {
    /// The account is created with a random password, or adopted if it is there already.
    Carry,
    /// The account is created and closed at once, so that nobody can take the name.
    Reserve {
        /// Why it is closed, in one clause.
        reason: String,
    },
    /// Nothing is done.
    Skip {
        /// Why, in one clause.
        reason: String,
    },
}

/// One room's fate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RoomPlan {
    /// The room.
    pub room_id: OwnedRoomId,
    /// Its name, alias or ID, for people.
    pub name: String,
    /// Its version.
    pub version: Option<RoomVersionId>,
    /// Timeline events in the bundle.
    pub events: u64,
    /// Joined members, remote ones included.
    pub members: u64,
    /// What happens.
    pub action: RoomAction,
}

/// What happens to a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "do")]
pub enum RoomAction {
    /// One user joins through the resident, then the history is replayed.
    Carry {
        /// Who joins.
        joiner: OwnedUserId,
        /// Where in history.
        join: JoinPoint,
    },
    /// Nobody can join, but local users wait at its door: their invites and knocks are made anew.
    Pending {
        /// Who waits, by user ID.
        waiting: Vec<Waiting>,
    },
    /// It is made anew from its state and its members, without its history.
    Recreate(Recreation),
    /// Its members join it through other servers.
    Join(Way),
    /// Nothing is done.
    Skip {
        /// Why and with which remedy, in one clause.
        reason: String,
    },
    /// Nothing can be done, for the bundle can't tell about it: a problem of the import.
    Unreadable {
        /// Why, in one clause.
        reason: String,
    },
}

impl RoomAction {
    /// Who opens the room on the target, if anybody does: by their joining it, or by making it anew.
    #[must_use]
    pub fn maker(&self) -> Option<&UserId> {
        match self {
            Self::Carry { joiner, .. } => Some(joiner),
            Self::Recreate(Recreation { creator, .. }) => Some(creator),
            Self::Pending { .. } | Self::Join(_) | Self::Skip { .. } | Self::Unreadable { .. } => {
                None
            }
        }
    }

    /// Whether there is anything to do.
    #[must_use]
    pub fn goes(&self) -> bool {
        self.maker().is_some() || matches!(self, Self::Pending { .. } | Self::Join(_))
    }
}
