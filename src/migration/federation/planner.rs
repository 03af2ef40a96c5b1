//! Which rooms are joined, through whom, in which order. No I/O.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use ruma::{OwnedRoomAliasId, OwnedRoomId, OwnedServerName, OwnedUserId, ServerName};
use serde::Serialize;

use super::{
    new_ids::NewIds,
    room::{Powers, State},
};
use crate::{
    migration::{
        plan::{Abilities, RoomAction, RoomPlan},
        planner,
    },
    model::room::Room,
};

/// Servers that are asked at all.
const SERVERS: usize = 9;
/// Aliases by which it is tried if no server lets anybody in.
const ALIASES: usize = 3;

pub(in crate::migration) const CLOSED: &str =
    "it is closed to other servers (m.federate): invite its people to a new room";
const NO_SERVER: &str = "no other server is in it through which somebody could join";
pub(in crate::migration) const NO_HOST: &str = "nobody comes in without an invite, and none of its local members may invite: ask one of its moderators";

/// How a room is joined.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Way {
    /// Who is asked, in this order.
    pub via: Vec<OwnedServerName>,
    /// By which it is tried where none of these lets anybody in.
    pub aliases: Vec<OwnedRoomAliasId>,
    /// Who may come in.
    pub door: Door,
    /// The old account that invites for those who may not.
    pub host: Option<OwnedUserId>,
    /// Rooms that must be joined first, for who is in them may come in.
    pub after: Vec<OwnedRoomId>,
    /// Its place in the order of all.
    pub turn: u64,
    /// Who is put back into it.
    pub members: Members,
}

/// Who may come into a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Door {
    /// Everybody, or those who are in it in the eyes of others.
    Open,
    /// Members of these rooms; everybody else by invite.
    Restricted(Vec<OwnedRoomId>),
    /// Whoever is invited.
    Invite,
}

/// A room's local members, and what becomes of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Members {
    /// They join.
    pub joined: u64,
    /// They are invited again, by whoever has invited them.
    pub invited: u64,
    /// They were invited by somebody of another server, or have knocked, or their accounts are closed.
    pub left: u64,
    /// Their old IDs stay banned; the new ones are not.
    pub banned: u64,
}

/// What all rooms have in common.
#[derive(Debug, Clone, Copy)]
pub struct Around<'a> {
    /// Who becomes who.
    pub ids: &'a NewIds,
    /// Who can act on the target, by their new IDs.
    pub able: &'a BTreeSet<OwnedUserId>,
    /// Servers that the operator names.
    pub via: &'a [OwnedServerName],
    /// Servers that were there lately.
    pub alive: &'a BTreeSet<OwnedServerName>,
    /// What the target takes.
    pub target: &'a Abilities,
}

impl Around<'_> {
    /// Whether somebody is of the old server and can act on both.
    #[must_use]
    pub fn comes(&self, old: &OwnedUserId) -> bool {
        self.ids.is_old(old) && self.able.contains(&self.ids.new_id(old))
    }
}

/// What happens to a room.
#[must_use]
pub fn plan(
    room: &Room,
    state: &State,
    memberships: &BTreeMap<OwnedUserId, String>,
    around: Around<'_>,
) -> RoomPlan {
    RoomPlan {
        room_id: room.room_id.clone(),
        name: planner::display_name(room),
        version: room.version.clone(),
        events: 0,
        members: members_of(memberships, "join").count() as u64,
        action: way(room, state, memberships, around)
            .map_or_else(|reason| RoomAction::Skip { reason }, RoomAction::Join),
    }
}

fn members_of<'a>(
    memberships: &'a BTreeMap<OwnedUserId, String>,
    wanted: &'static str,
) -> impl Iterator<Item = &'a OwnedUserId> {
    let members = memberships.iter();
    members
        .filter(move |(_, membership)| *membership == wanted)
        .map(|(user, _)| user)
}

fn way(
    room: &Room,
    state: &State,
    memberships: &BTreeMap<OwnedUserId, String>,
    around: Around<'_>,
) -> Result<Way, String> {
    planner::version_reason(room, around.target).map_or(Ok(()), Err)?;
    let ours = || members_of(memberships, "join").filter(|user| around.comes(user));
    if ours().next().is_none() {
        return Err(planner::NOBODY_JOINED.to_owned());
    }
    if state.create["m.federate"] == false || room.federatable == Some(false) {
        return Err(CLOSED.to_owned());
    }
    let via = servers(state, memberships, around);
    if via.is_empty() {
        return Err(NO_SERVER.to_owned());
    }
    let host = state.powers.mightiest(ours(), Powers::may_invite);
    let door = match state.join_rule() {
        // They are in it: no other server has heard of anything else.
        _ if around.ids.are_same() => Door::Open,
        "public" => Door::Open,
        "restricted" | "knock_restricted" => Door::Restricted(state.allowed()),
        _ => Door::Invite,
    };
    if door == Door::Invite && host.is_none() {
        return Err(NO_HOST.to_owned());
    }
    let aliases = state.aliases.iter();
    let aliases = aliases.filter(|alias| alias.server_name() != around.ids.new_name());
    Ok(Way {
        via,
        aliases: aliases.take(ALIASES).cloned().collect(),
        door,
        host,
        after: Vec::new(),
        turn: 0,
        members: members(state, memberships, around),
    })
}

/// Those that the operator names, then the room's own: such as were there lately first, then by members.
fn servers(
    state: &State,
    memberships: &BTreeMap<OwnedUserId, String>,
    around: Around<'_>,
) -> Vec<OwnedServerName> {
    let own = around.ids.new_name();
    let mut counts: BTreeMap<&ServerName, u64> = BTreeMap::new();
    for user in members_of(memberships, "join") {
        *counts.entry(user.server_name()).or_default() += 1;
    }
    let creator = <&ruma::UserId>::try_from(state.creator.as_str()).ok();
    let creator = creator.map(ruma::UserId::server_name);
    let mut all: Vec<_> = counts
        .into_iter()
        .filter(|(name, _)| *name != own)
        .collect();
    all.sort_by_key(|(name, members)| {
        let lives = around.alive.contains(*name) || *name == around.ids.old_name();
        Reverse((lives, *members, Some(*name) == creator))
    });
    let named = around
        .via
        .iter()
        .map(|name| &**name)
        .filter(|name| *name != own);
    let mut via: Vec<OwnedServerName> = Vec::new();
    // None of its servers is one that nobody of it is on: without any, those that are named can't help.
    if all.is_empty() {
        return via;
    }
    for name in named.chain(all.into_iter().map(|(name, _)| name)) {
        if via.len() < SERVERS && !via.iter().any(|it| it == name) {
            via.push(name.to_owned());
        }
    }
    via
}

fn members(
    state: &State,
    memberships: &BTreeMap<OwnedUserId, String>,
    around: Around<'_>,
) -> Members {
    let mut members = Members::default();
    for (user, membership) in memberships {
        if !around.ids.is_old(user) {
            continue;
        }
        let count = match membership.as_str() {
            "join" if around.comes(user) => &mut members.joined,
            "invite"
                if around.comes(user) && inviter(state, memberships, user, around).is_some() =>
            {
                &mut members.invited
            }
            "ban" => &mut members.banned,
            "join" | "invite" | "knock" => &mut members.left,
            _ => continue,
        };
        *count += 1;
    }
    members
}

/// Who has invited somebody, if they can do it again: the old account of somebody of ours who is in the room.
#[must_use]
pub fn inviter(
    state: &State,
    memberships: &BTreeMap<OwnedUserId, String>,
    guest: &OwnedUserId,
    around: Around<'_>,
) -> Option<OwnedUserId> {
    let by = state.inviters.get(guest.as_str())?;
    let by = OwnedUserId::try_from(by.as_str()).ok()?;
    let is_in = memberships
        .get(&by)
        .is_some_and(|membership| membership == "join");
    (is_in && around.comes(&by) && !around.ids.are_same()).then_some(by)
}

/// Puts the rooms in an order in which each comes after those whose members may come in. In a circle, the first one by its
/// ID is joined by invites.
pub fn in_order(rooms: &mut [RoomPlan]) {
    let mut needs: BTreeMap<OwnedRoomId, BTreeSet<OwnedRoomId>> = BTreeMap::new();
    for room in rooms.iter() {
        if let RoomAction::Join(way) = &room.action {
            let allowed = match &way.door {
                Door::Restricted(allowed) => allowed.as_slice(),
                Door::Open | Door::Invite => &[],
            };
            let allowed = allowed.iter().filter(|it| **it != room.room_id);
            needs.insert(room.room_id.clone(), allowed.cloned().collect());
        }
    }
    let known: BTreeSet<_> = needs.keys().cloned().collect();
    for needed in needs.values_mut() {
        needed.retain(|room| known.contains(room));
    }
    let (mut left, mut placed) = (needs.clone(), BTreeMap::new());
    while !left.is_empty() {
        let is_free =
            |needed: &BTreeSet<OwnedRoomId>| needed.iter().all(|it| placed.contains_key(it));
        let next = left.iter().find(|(_, needed)| is_free(needed));
        let Some(next) = next
            .or_else(|| left.iter().next())
            .map(|(room, _)| room.clone())
        else {
            break;
        };
        left.remove(&next);
        let turn = placed.len() as u64;
        placed.insert(next, turn);
    }
    for room in rooms {
        if let RoomAction::Join(way) = &mut room.action
            && let Some(turn) = placed.get(&room.room_id)
        {
            way.turn = *turn;
            let needed = needs.remove(&room.room_id).unwrap_or_default();
            let earlier = needed.into_iter().filter(|it| placed.get(it) < Some(turn));
            way.after = earlier.collect();
        }
    }
}

#[cfg(test)]
mod tests;
