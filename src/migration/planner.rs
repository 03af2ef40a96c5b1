//! From a bundle's facts and a target's abilities to a plan. No I/O.

use std::collections::BTreeSet;

use ruma::{OwnedUserId, RoomVersionId, ServerName};

use super::{
    facts::RoomFacts,
    federation::planner as federation,
    pending::waiting,
    plan::{Abilities, JoinPoint, Replayed, RoomAction, RoomPlan, UserAction, UserPlan},
};
use crate::model::{room::Room, user::User};

/// With fewer events as backfill, everything is replayed.
const WORTH_A_BACKFILL: u64 = 100;

const NO_EVENTS: &str = "the bundle has none of its events: export it with its history";
pub(super) const NOBODY_JOINED: &str = "no local user is joined to it any more";
const NO_PLACE: &str = "no point in its history at which a local user can join for certain: its first part has forks or is gone";

/// Why a room stays behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Left {
    /// The bundle doesn't know its version.
    UnknownVersion,
    /// The target doesn't take its version.
    Version,
    /// The bundle has none of its events.
    NoEvents,
    /// No local user who can act is joined.
    NobodyJoined,
    /// Local users only wait at its door, and can't do so on the target.
    OnlyWaiting,
    /// There is no point in its history at which one of them can join.
    NoPlace,
    /// Nobody of another server can be in it.
    Closed,
    /// Nobody comes in without an invite, and nobody of the old server may invite.
    NoHost,
}

/// Why a room is skipped; nothing if it isn't.
#[must_use]
pub fn left(plan: &RoomPlan, target: &Abilities) -> Option<Left> {
    let RoomAction::Skip { reason } = &plan.action else {
        return None;
    };
    Some(match &plan.version {
        None => Left::UnknownVersion,
        Some(version) if !takes(target, version) => Left::Version,
        Some(_) => match reason.as_str() {
            NO_EVENTS => Left::NoEvents,
            NOBODY_JOINED => Left::NobodyJoined,
            NO_PLACE => Left::NoPlace,
            federation::CLOSED => Left::Closed,
            federation::NO_HOST => Left::NoHost,
            _ => Left::OnlyWaiting,
        },
    })
}

/// What happens to a user. `own` are the target's own accounts and ours.
#[must_use]
pub fn plan_user(user: &User, server_name: &ServerName, own: &[OwnedUserId]) -> UserPlan {
    let action = if own.contains(&user.user_id) {
        UserAction::Skip {
            reason: "an account of the target's own, or Ferryman's, has this name".to_owned(),
        }
    } else if user.user_id.server_name() != server_name {
        UserAction::Skip {
            reason: format!("not a user of {server_name}"),
        }
    } else if user.is_guest {
        UserAction::Skip {
            reason: "guests are not carried over".to_owned(),
        }
    } else if let Some(state) = closed(user) {
        UserAction::Reserve {
            reason: format!("{state} on Synapse"),
        }
    } else {
        UserAction::Carry
    };
    UserPlan {
        user_id: user.user_id.clone(),
        action,
    }
}

/// An account that nobody can use on Synapse stays closed: the target knows no locked, suspended or shadow-banned ones,
/// and none of them may come back open.
pub(super) fn closed(user: &User) -> Option<&'static str> {
    let states = [
        (user.erased, "erased"),
        (user.deactivated, "deactivated"),
        (user.locked, "locked"),
        (user.suspended, "suspended"),
        (user.shadow_banned, "shadow-banned"),
    ];
    states
        .into_iter()
        .find_map(|(is, state)| is.then_some(state))
}

/// The users who can act on the target, so that one of them can join a room.
#[must_use]
pub fn able_users(plans: &[UserPlan]) -> BTreeSet<OwnedUserId> {
    plans
        .iter()
        .filter(|plan| plan.action == UserAction::Carry)
        .map(|plan| plan.user_id.clone())
        .collect()
}

/// A room that the bundle can't tell about.
#[must_use]
pub fn unreadable(room: &Room, why: &dyn std::fmt::Display) -> RoomPlan {
    RoomPlan {
        room_id: room.room_id.clone(),
        name: display_name(room),
        version: room.version.clone(),
        events: room.event_count,
        members: room.joined_members,
        action: RoomAction::Unreadable {
            reason: why.to_string(),
        },
    }
}

pub(super) fn display_name(room: &Room) -> String {
    room.name
        .clone()
        .or_else(|| room.canonical_alias.as_ref().map(ToString::to_string))
        .unwrap_or_else(|| room.room_id.to_string())
}

/// What happens to a room.
#[must_use]
pub fn plan_room(
    facts: &RoomFacts,
    target: &Abilities,
    history: Replayed,
    able: &BTreeSet<OwnedUserId>,
) -> RoomPlan {
    let room = &facts.room;
    let joined = |user: &OwnedUserId| {
        facts
            .memberships
            .get(user)
            .is_some_and(|membership| membership == "join")
    };
    let action = match version_reason(room, target) {
        Some(reason) => skip(&reason),
        None => match able.iter().find(|user| joined(user)) {
            None if let Some(action) = waiting::action(&facts.waiting, target, able) => action,
            _ if facts.timeline == 0 => skip(NO_EVENTS),
            None => skip(nobody(facts, able)),
            Some(first) if !target.replay => RoomAction::Carry {
                joiner: first.clone(),
                join: JoinPoint::Current,
            },
            Some(_) => late(facts, history, |user| able.contains(user) && joined(user))
                .unwrap_or_else(|| choose(facts, able, &joined)),
        },
    };
    RoomPlan {
        room_id: room.room_id.clone(),
        name: display_name(room),
        version: room.version.clone(),
        events: facts.timeline,
        members: facts
            .memberships
            .values()
            .filter(|membership| *membership == "join")
            .count() as u64,
        action,
    }
}

/// Why a room's version can't be taken; nothing if it can.
pub(super) fn version_reason(room: &Room, target: &Abilities) -> Option<String> {
    match &room.version {
        None => Some("its version is unknown: export again".to_owned()),
        Some(version) if !takes(target, version) => Some(format!(
            "{} does not take room version {version}: upgrade the room on Synapse and export again",
            target.software
        )),
        Some(_) => None,
    }
}

/// Whether a target takes a room version.
pub(super) fn takes(target: &Abilities, version: &RoomVersionId) -> bool {
    if target.room_versions.is_empty() {
        // It doesn't say. Nobody takes the first versions any more without saying so.
        return !matches!(version, RoomVersionId::V1 | RoomVersionId::V2);
    }
    target.room_versions.contains(version)
}

fn skip(reason: &str) -> RoomAction {
    RoomAction::Skip {
        reason: reason.to_owned(),
    }
}

fn nobody(facts: &RoomFacts, able: &BTreeSet<OwnedUserId>) -> &'static str {
    let waiting = able.iter().any(|user| {
        facts
            .memberships
            .get(user)
            .is_some_and(|membership| membership == "invite" || membership == "knock")
    });
    if waiting {
        "its local members are only invited or have knocked: invite them again after the switch"
    } else {
        NOBODY_JOINED
    }
}

/// How much is replayed of each room's history, where the operator doesn't say: without state of their own, backfilled
/// events must not be shown to everybody.
#[must_use]
pub fn usual_history(target: &Abilities) -> Replayed {
    if target.protects_past() {
        Replayed::Auto
    } else {
        Replayed::All
    }
}

/// The latest point in history after which so much is replayed as is wanted, if that saves enough.
fn late(
    facts: &RoomFacts,
    history: Replayed,
    may: impl Fn(&OwnedUserId) -> bool,
) -> Option<RoomAction> {
    let is_join = |membership: &&String| *membership == "join";
    let members = facts.memberships.values().filter(is_join).count() as u64;
    let last = history.of(members)?;
    let (joiner, place) = facts.recent.place(last, facts.timeline, may)?;
    let older = place.position + 1;
    (older >= WORTH_A_BACKFILL).then(|| RoomAction::Carry {
        joiner: joiner.clone(),
        join: JoinPoint::Recent {
            event_id: place.event_id.clone(),
            older,
        },
    })
}

/// The oldest point in history at which somebody may join who is still joined today: then the new join event agrees
/// with the state that the replay ends in. Where the past is gone, that is the first event that is left.
fn choose(
    facts: &RoomFacts,
    able: &BTreeSet<OwnedUserId>,
    joined: &impl Fn(&OwnedUserId) -> bool,
) -> RoomAction {
    if let Some((event_id, creator)) = &facts.create
        && able.contains(creator)
        && joined(creator)
    {
        return RoomAction::Carry {
            joiner: creator.clone(),
            join: JoinPoint::Create {
                event_id: event_id.clone(),
            },
        };
    }
    if let Some(oldest) = &facts.oldest
        && let Some(joiner) = oldest
            .joined
            .iter()
            .find(|user| able.contains(*user) && joined(user))
    {
        return RoomAction::Carry {
            joiner: joiner.clone(),
            join: JoinPoint::Oldest {
                event_id: oldest.event_id.clone(),
            },
        };
    }
    let earliest = facts
        .first_joins
        .iter()
        .filter(|(user, first)| able.contains(*user) && joined(user) && first.certain)
        .min_by_key(|(_, first)| first.position);
    if let Some((joiner, first)) = earliest {
        return RoomAction::Carry {
            joiner: joiner.clone(),
            join: JoinPoint::AfterJoin {
                event_id: first.event_id.clone(),
            },
        };
    }
    // A creator who has left or was banned joins again and is put out again afterwards.
    let is_out = |user: &OwnedUserId| {
        facts
            .memberships
            .get(user)
            .is_none_or(|membership| membership == "leave" || membership == "ban")
    };
    if let Some((event_id, creator)) = &facts.create
        && able.contains(creator)
        && is_out(creator)
    {
        return RoomAction::Carry {
            joiner: creator.clone(),
            join: JoinPoint::Create {
                event_id: event_id.clone(),
            },
        };
    }
    skip(NO_PLACE)
}

#[cfg(test)]
mod tests;
