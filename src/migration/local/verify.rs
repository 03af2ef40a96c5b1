//! A room that was made anew, read from the target and compared with the bundle.

use std::collections::{BTreeMap, BTreeSet};

use ruma::{OwnedRoomId, OwnedUserId, RoomId};

use super::{
    anew::Anew,
    compare, fill,
    messages::verify::Expected,
    planner::Recreation,
    wanted::{Around, Wanted},
};
use crate::{
    Error, Result,
    bundle::Bundle,
    migration::{
        by_key,
        outcome::RoomVerification,
        plan::{Plan, RoomPlan},
    },
    model::{room::Room, stage::Stage},
    target::Target,
};

/// What the comparison of all of them needs.
#[derive(Debug)]
pub struct Known {
    anew: Anew,
    rooms: BTreeMap<OwnedRoomId, Room>,
    aliases: Option<BTreeMap<OwnedRoomId, BTreeSet<String>>>,
}

impl Known {
    /// Of a bundle.
    pub fn of(bundle: &Bundle, plan: &Plan, anew: Anew) -> Result<Self> {
        let mut aliases: BTreeMap<OwnedRoomId, BTreeSet<String>> = BTreeMap::new();
        for (alias, room) in bundle.aliases()? {
            aliases.entry(room).or_default().insert(alias.to_string());
        }
        let rooms = bundle.rooms()?.into_iter();
        Ok(Self {
            anew,
            rooms: rooms.map(|room| (room.room_id.clone(), room)).collect(),
            aliases: (!plan.left_out.has(Stage::Aliases)).then_some(aliases),
        })
    }

    /// Compares one of them, beginning with an empty comparison.
    pub async fn compare(
        &self,
        (target, bundle): (&Target, &Bundle),
        (plan, how): (&RoomPlan, &Recreation),
        able: &BTreeSet<OwnedUserId>,
        blank: RoomVerification,
        is_deep: bool,
    ) -> Result<RoomVerification> {
        let not_made = || {
            Error::Target("it was not made anew yet: import, or retry what has failed".to_owned())
        };
        let id = self.anew.id(&plan.room_id).ok_or_else(not_made)?;
        let room = self.rooms.get(&plan.room_id).ok_or_else(not_made)?;
        let wanted = tokio::task::block_in_place(|| {
            let none = BTreeSet::new();
            let aliases = self.aliases.as_ref();
            let around = Around {
                server_name: bundle.server_name(),
                able,
                aliases: aliases.map(|all| all.get(&plan.room_id).unwrap_or(&none)),
                anew: &self.anew,
            };
            Wanted::read(bundle, room, how, around)
        })?;
        let there = fill::now(target, id, &wanted, how).await?;
        let mut compared = blank;
        (compared.members, compared.state) = compare::room(&wanted, &there, how);
        let reader = there.mightiest(&wanted, how);
        if let Some(reader) = reader.as_ref().filter(|_| is_deep) {
            let pairs = there.state.keys().cloned();
            compared.by_key = by_key::compare(target, reader, id, pairs).await?;
        }
        if let (Some(_), Some(reader)) = (&how.messages, reader) {
            let keeps_id = *id == plan.room_id;
            let expected =
                tokio::task::block_in_place(|| Expected::read(bundle, room, able, keeps_id))?;
            compared.timeline = expected.compare(target, id, &reader).await?;
        }
        compared.timeline.known.splice(0..0, said(plan, how, id));
        Ok(compared)
    }
}

/// What is different because it is another room.
fn said(plan: &RoomPlan, how: &Recreation, id: &RoomId) -> Vec<String> {
    let history = if how.messages.is_some() {
        "the room was made anew: of its history only messages are here, sent again"
    } else {
        "the room was made anew, so its history is not here"
    };
    let mut known = vec![history.to_owned()];
    if *id != plan.room_id {
        known.push(format!("the room is {id} now"));
    }
    if plan.version.as_ref() != Some(&how.version) {
        known.push(format!("the room has version {} now", how.version));
    }
    known
}
