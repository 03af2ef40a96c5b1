//! In which order rooms are carried: a giant that came last would be worked on alone. No I/O.

use std::cmp::Reverse;

use super::plan::RoomPlan;

/// What an event costs the target, beside what it costs for each member of its room: counted in members.
const EVENT_IN_MEMBERS: u64 = 80;

/// The rooms, those first that take longest.
#[must_use]
pub fn longest_first(rooms: &[RoomPlan]) -> Vec<RoomPlan> {
    let mut rooms = rooms.to_vec();
    rooms.sort_by_key(|room| Reverse(weight(room)));
    rooms
}

/// Every event is weighed against the rules of every member.
fn weight(room: &RoomPlan) -> u64 {
    let each = EVENT_IN_MEMBERS.saturating_add(room.members);
    room.events.saturating_mul(each)
}

#[cfg(test)]
mod tests {
    use ruma::OwnedRoomId;

    use super::*;
    use crate::migration::plan::RoomAction;

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
        let rooms = [
            room("!small:x", 10, 1_000),
            room("!long:x", 5_000, 10),
            room("!crowd:x", 2_000, 800),
            room("!same:x", 5_000, 10),
        ];
        let order: Vec<_> = longest_first(&rooms)
            .iter()
            .map(|room| room.name.clone())
            .collect();
        assert_eq!(order, ["!crowd:x", "!long:x", "!same:x", "!small:x"]);
    }
}
