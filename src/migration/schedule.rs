//! In which order rooms are carried: a giant that came last would be worked on alone. No I/O.

use std::cmp::Reverse;

use super::plan::{JoinPoint, RoomAction, RoomPlan};
use crate::model::replayed;

/// What an event costs the target that comes as backfill, in the units of [`replayed::cost_of_an_event`].
const BACKFILLED: u64 = 20;

/// The rooms, those first that take longest.
#[must_use]
pub fn longest_first(rooms: &[RoomPlan]) -> Vec<RoomPlan> {
    let mut rooms = rooms.to_vec();
    rooms.sort_by_key(|room| Reverse(weight(room)));
    rooms
}

fn weight(room: &RoomPlan) -> u64 {
    let older = match &room.action {
        RoomAction::Carry {
            join: JoinPoint::Recent { older, .. },
            ..
        } => *older,
        _ => 0,
    };
    let replayed = match &room.action {
        RoomAction::Recreate(how) => how.members.joined,
        _ => room.events.saturating_sub(older),
    };
    replayed
        .saturating_mul(replayed::cost_of_an_event(room.members))
        .saturating_add(older.saturating_mul(BACKFILLED))
}

#[cfg(test)]
mod tests {
    use ruma::OwnedRoomId;

    use super::*;

    #[test]
    fn many_members_make_an_event_dear() {
        let room = |id: &str, events, members| RoomPlan {
            room_id: OwnedRoomId::try_from(id).unwrap(),
            name: id.to_owned(),
            version: None,
            events,
            members,
            action: RoomAction::Skip {
                reason: String::new(),
            },
        };
        let mut mostly_backfilled = room("!old:x", 10_000, 10);
        mostly_backfilled.action = RoomAction::Carry {
            joiner: "@a:x".try_into().unwrap(),
            join: JoinPoint::Recent {
                event_id: "$late".try_into().unwrap(),
                older: 9_000,
            },
        };
        let rooms = [
            mostly_backfilled,
            room("!small:x", 10, 1_000),
            room("!long:x", 5_000, 10),
            room("!crowd:x", 2_000, 800),
            room("!same:x", 5_000, 10),
        ];
        let order: Vec<_> = longest_first(&rooms)
            .iter()
            .map(|room| room.name.clone())
            .collect();
        assert_eq!(
            order,
            ["!crowd:x", "!long:x", "!same:x", "!old:x", "!small:x"]
        );
    }
}
