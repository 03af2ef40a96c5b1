//! Rooms that other servers are in, too. No I/O.

use ruma::ServerName;

use super::{
    facts::RoomFacts,
    plan::{RoomAction, RoomPlan, Shared},
};

/// Counts a planned room among those that are shared with other servers, if it is one.
pub fn count(shared: &mut Shared, facts: &RoomFacts, plan: &RoomPlan, own: &ServerName) {
    let joined = facts
        .memberships
        .iter()
        .filter(|(_, membership)| *membership == "join");
    let mut others = joined
        .map(|(user, _)| user.server_name())
        .filter(|server| *server != own)
        .peekable();
    if others.peek().is_some() && matches!(plan.action, RoomAction::Carry { .. }) {
        shared.rooms += 1;
        shared.servers.extend(others.map(ToOwned::to_owned));
    }
}

#[cfg(test)]
mod tests {
    use ruma::{owned_event_id, owned_user_id, server_name};

    use super::*;
    use crate::{migration::plan::JoinPoint, model::room::Room};

    fn room(members: &[(&str, &str)], action: RoomAction) -> (RoomFacts, RoomPlan) {
        let room: Room = serde_json::from_value(serde_json::json!({ "room_id": "!r:x" })).unwrap();
        let plan = RoomPlan {
            room_id: room.room_id.clone(),
            name: "Room".to_owned(),
            version: None,
            events: 1,
            members: 1,
            action,
        };
        let member = |(user, membership): &(&str, &str)| {
            ((*user).try_into().unwrap(), (*membership).to_owned())
        };
        let facts = RoomFacts::empty(room, members.iter().map(member).collect());
        (facts, plan)
    }

    #[test]
    fn only_carried_rooms_with_joined_members_elsewhere_are_shared() {
        let carry = || RoomAction::Carry {
            joiner: owned_user_id!("@a:x"),
            join: JoinPoint::Create {
                event_id: owned_event_id!("$create"),
            },
        };
        let skip = RoomAction::Skip {
            reason: String::new(),
        };
        let mut shared = Shared::default();
        for (members, action) in [
            (&[("@a:x", "join"), ("@far:y", "leave")][..], carry()),
            (&[("@far:y", "join")], skip),
            (
                &[("@a:x", "join"), ("@far:y", "join"), ("@away:y", "join")],
                carry(),
            ),
            (&[("@a:x", "join"), ("@far:z:8448", "join")], carry()),
        ] {
            let (facts, plan) = room(members, action);
            count(&mut shared, &facts, &plan, server_name!("x"));
        }
        assert_eq!(shared.rooms, 2);
        let servers: Vec<_> = shared.servers.iter().map(|name| name.as_str()).collect();
        assert_eq!(servers, ["y", "z:8448"]);
    }
}
