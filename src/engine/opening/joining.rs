//! The plan of rooms that are joined through other servers: by their state and their members, for their events stay where
//! they are.

use std::collections::BTreeSet;

use ruma::OwnedServerName;
use serde::Deserialize;

use super::{Choice, lacks_own};
use crate::{
    Result,
    bundle::Bundle,
    migration::{
        federation::{
            planner::{self as ways, Around},
            room::State,
        },
        people::{Counting, People},
        plan::{Abilities, MediaPlan, NewIds, Plan, RoomPlan, Shared},
        planner,
    },
    model::{room::Room, user::User},
};

/// A server whose keys were good so shortly before the export, or later, was there then.
const LATELY_MS: u64 = 7 * 24 * 60 * 60 * 1_000;

#[derive(Deserialize)]
struct Keys {
    #[serde(default)]
    valid_until_ts: u64,
}

pub(super) fn plan(bundle: &Bundle, target: Abilities, choice: &Choice) -> Result<Plan> {
    let ids = NewIds::between(bundle.server_name(), &choice.name);
    let known: Vec<User> = bundle
        .users()?
        .into_iter()
        .map(|user| ids.user(user))
        .collect();
    let users: Vec<_> = known
        .iter()
        .map(|user| planner::plan_user(user, ids.new_name(), &choice.own))
        .collect();
    let mut people = Counting::new(&known, &users);
    let able = planner::able_users(&users);
    let alive = alive(bundle)?;
    let around = Around {
        ids: &ids,
        able: &able,
        via: &choice.via,
        alive: &alive,
        target: &target,
    };
    let rooms = bundle.rooms()?.into_iter();
    let mut rooms: Vec<RoomPlan> = rooms
        .map(|room| {
            one(bundle, &room, around, &mut people)
                .unwrap_or_else(|error| planner::unreadable(&room, &error))
        })
        .collect();
    ways::in_order(&mut rooms);
    Ok(Plan {
        server_name: bundle.server_name().to_owned(),
        bundle: bundle.name(),
        complete: bundle.schema().complete,
        history: choice.history,
        rooms,
        shared: Shared::default(),
        people: People {
            lacks_own: lacks_own(bundle.schema()),
            ..people.end(std::iter::empty())
        },
        admins: choice.admins,
        left_out: choice.left_out,
        mode: choice.mode,
        replay_messages: false,
        leave_old: choice.leave_old,
        could_be_made: 0,
        media: MediaPlan::default(),
        users,
        target,
        ids,
    })
}

fn one(
    bundle: &Bundle,
    room: &Room,
    around: Around<'_>,
    people: &mut Counting,
) -> Result<RoomPlan> {
    let state = State::read(bundle, room)?;
    let memberships = bundle.memberships(&room.room_id)?;
    let joined = memberships.iter();
    let joined: Vec<_> = joined
        .filter(|(_, membership)| *membership == "join")
        .map(|(user, _)| around.ids.new_id(user))
        .collect();
    people.room(joined.iter());
    Ok(ways::plan(room, &state, &memberships, around))
}

/// Servers from which the old one had news lately, by their keys: it asks for newer ones when it hears from them.
fn alive(bundle: &Bundle) -> Result<BTreeSet<OwnedServerName>> {
    let since = bundle.schema().exported_ts.unwrap_or_default();
    let since = since.saturating_sub(LATELY_MS);
    let is_fresh = |keys: &serde_json::value::RawValue| {
        serde_json::from_str::<Keys>(keys.get()).is_ok_and(|keys| keys.valid_until_ts >= since)
    };
    let all = bundle.server_keys()?.into_iter();
    let fresh = all.filter(|(_, keys)| keys.iter().any(|keys| is_fresh(keys)));
    Ok(fresh.map(|(name, _)| name).collect())
}
