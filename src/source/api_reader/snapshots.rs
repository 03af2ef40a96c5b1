//! The state before the events at which a timeline has gaps.

use std::collections::{BTreeMap, BTreeSet};

use ruma::{OwnedEventId, OwnedRoomId};

use super::{alone::alone, newest::Middle};
use crate::{
    Result,
    model::{snapshot::Snapshot, state_event::StateEvent},
    source::{
        admin_api::{Client, Context},
        intake::{Intake, Record, problem},
    },
};

/// Hands over a snapshot for each of these events; gives the events of all of them.
pub(super) async fn read(
    client: &Client,
    room: &OwnedRoomId,
    gaps: &[OwnedEventId],
    to: &Intake,
) -> Result<BTreeSet<OwnedEventId>> {
    let mut events = BTreeSet::new();
    for event_id in gaps {
        to.turn().await?;
        let context = client.context(room, event_id).await;
        let Some(context) = alone(context, "state snapshot", event_id, to).await? else {
            continue;
        };
        match before(event_id, &context) {
            Ok(state_before) => {
                events.extend(state_before.iter().cloned());
                to.send(Record::Snapshot(Snapshot {
                    room_id: room.clone(),
                    event_id: event_id.clone(),
                    state_before: state_before.into_iter().collect(),
                }))
                .await?;
            }
            Err(reason) => {
                let unread = problem("state snapshot", event_id, &reason);
                to.send(Record::Problem(unread)).await?;
            }
        }
    }
    Ok(events)
}

/// Synapse tells the state after an event: one of the state itself gives its place back to what it replaced.
fn before(event_id: &OwnedEventId, context: &Context) -> Result<BTreeSet<OwnedEventId>, String> {
    let mut state = BTreeMap::new();
    for event in &context.state {
        let event: StateEvent =
            serde_json::from_str(event.get()).map_err(|error| error.to_string())?;
        state.insert((event.kind, event.state_key), event.event_id);
    }
    let middle = Middle::of(&context.event)?;
    if let Some(state_key) = middle.state_key.clone() {
        let place = (middle.kind.clone(), state_key);
        // A hidden event has no place in it.
        if state.get(&place) == Some(event_id) {
            match middle.replaces() {
                Some(replaced) => drop(state.insert(place, replaced)),
                None => drop(state.remove(&place)),
            }
        }
    }
    Ok(state.into_values().collect())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn ids(event: &Value, state: &Value) -> Vec<String> {
        let context: Context =
            serde_json::from_value(json!({"event": event, "state": state, "start": "t"})).unwrap();
        let id = OwnedEventId::try_from("$it").unwrap();
        let before = before(&id, &context).unwrap();
        before.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_state_event_gives_its_place_back() {
        let state = json!([
            {"type": "m.room.name", "state_key": "", "event_id": "$it", "content": {}},
            {"type": "m.room.create", "state_key": "", "event_id": "$create", "content": {}},
        ]);
        let it = |extra: Value| json!({"type": "m.room.name", "event_id": "$it", "state_key": "", "unsigned": extra});
        assert_eq!(
            ids(&it(json!({"replaces_state": "$old"})), &state),
            ["$create", "$old"]
        );
        assert_eq!(ids(&it(json!({})), &state), ["$create"]);
        let message = json!({"type": "m.room.message", "event_id": "$it"});
        assert_eq!(ids(&message, &state), ["$create", "$it"]);
        let hidden = json!({"type": "m.room.topic", "event_id": "$it", "state_key": "", "unsigned": {"replaces_state": "$x"}});
        assert_eq!(ids(&hidden, &state), ["$create", "$it"]);
    }
}
