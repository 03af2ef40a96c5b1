//! The rooms of a plan: which stay behind, and what is different in others.

use std::collections::BTreeMap;

use super::Found;
use crate::migration::{
    check::{Left, What},
    plan::{JoinPoint, Plan, RoomAction, RoomPlan},
    planner,
};

pub(super) fn look(plan: &Plan, found: &mut Found) {
    let those = |wanted: fn(&RoomAction) -> bool| {
        let rooms = plan.rooms.iter().filter(move |room| wanted(&room.action));
        rooms.map(|room| &room.room_id)
    };
    let carried = those(|action| action.maker().is_some() || matches!(action, RoomAction::Join(_)));
    let carried = carried.count();
    found.add(What::Rooms {
        carried: carried as u64,
        of: plan.rooms.len() as u64,
    });
    let mut left: BTreeMap<Left, Vec<_>> = BTreeMap::new();
    for room in &plan.rooms {
        if let Some(why) = planner::left(room, &plan.target) {
            left.entry(why).or_default().push(&room.room_id);
        }
    }
    for (why, rooms) in left {
        found.about(What::RoomsLeft(why), rooms);
    }
    found.about(
        What::RoomsUnreadable,
        those(|action| matches!(action, RoomAction::Unreadable { .. })),
    );
    found.about(What::WaitingLeft, plan.rooms.iter().flat_map(waiting_left));
    // Where the target keeps a room's past to its members, nothing is different.
    if plan.target.replay && !plan.target.protects_past() {
        found.about(What::PastReadable, those(has_backfill));
    }
    found.about(
        What::RoomsShared {
            rooms: plan.shared.rooms,
        },
        &plan.shared.servers,
    );
}

/// Those who wait at a door where others can, but can't themselves.
fn waiting_left(room: &RoomPlan) -> impl Iterator<Item = String> {
    let waiting = match &room.action {
        RoomAction::Pending { waiting } => waiting.as_slice(),
        _ => &[],
    };
    let left = waiting.iter().filter(|waiting| waiting.left.is_some());
    left.map(|waiting| format!("{} at {}", waiting.user_id, room.room_id))
}

/// More than the first event comes as backfill.
fn has_backfill(action: &RoomAction) -> bool {
    matches!(
        action,
        RoomAction::Carry {
            join: JoinPoint::AfterJoin { .. } | JoinPoint::Recent { .. },
            ..
        }
    )
}
