//! The state before an event, from what Synapse keeps: the state after it.

use std::collections::BTreeSet;

use ruma::{OwnedEventId, OwnedRoomId};
use serde::Deserialize;

use crate::model::snapshot::Snapshot;

/// Takes an event back out of the state after it. `former` is the event that it replaced there, if any.
pub fn before(
    room_id: OwnedRoomId,
    event_id: OwnedEventId,
    mut after: BTreeSet<OwnedEventId>,
    former: Option<OwnedEventId>,
) -> Snapshot {
    // Other events than state events are not in the state, and what doesn't count after all (a rejected one) isn't.
    if after.remove(&event_id) {
        after.extend(former);
    }
    Snapshot {
        room_id,
        event_id,
        state_before: after.into_iter().collect(),
    }
}

/// `unsigned.replaces_state` of an event as Synapse has it: what it replaced in the state.
pub fn replaced(event: &str) -> Option<OwnedEventId> {
    #[derive(Deserialize)]
    struct Event {
        unsigned: Unsigned,
    }
    #[derive(Deserialize)]
    struct Unsigned {
        replaces_state: OwnedEventId,
    }
    let event: Event = serde_json::from_str(event).ok()?;
    Some(event.unsigned.replaces_state)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(list: &[&str]) -> BTreeSet<OwnedEventId> {
        list.iter().map(|id| (*id).try_into().unwrap()).collect()
    }

    fn before_c(after: &[&str], former: Option<&str>) -> Vec<String> {
        let former = former.map(|id| id.try_into().unwrap());
        let room = "!r:x".try_into().unwrap();
        let snapshot = before(room, "$c".try_into().unwrap(), ids(after), former);
        snapshot
            .state_before
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn a_state_event_gives_its_place_back() {
        assert_eq!(
            before_c(&["$d", "$c", "$a"], Some("$b")),
            ["$a", "$b", "$d"]
        );
        assert_eq!(before_c(&["$c", "$a"], None), ["$a"]);
        // A message.
        assert_eq!(before_c(&["$b", "$a"], Some("$z")), ["$a", "$b"]);
    }

    #[test]
    fn the_replaced_event_is_read() {
        let id = |text: &str| replaced(text).map(|id| id.to_string());
        assert_eq!(
            id(r#"{"unsigned":{"replaces_state":"$a"}}"#).as_deref(),
            Some("$a")
        );
        for text in [
            "",
            "{}",
            r#"{"unsigned":{}}"#,
            r#"{"unsigned":{"replaces_state":7}}"#,
        ] {
            assert_eq!(id(text), None);
        }
    }
}
