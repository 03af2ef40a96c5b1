//! What belongs to Anna and Ben alone.

use serde_json::{Value, json};

use super::{ANNA, BEN, Draft};
use crate::bundle::UserRecord;

fn raw<T: serde::de::DeserializeOwned>(value: &Value) -> T {
    serde_json::from_str(&value.to_string()).unwrap()
}

/// Some of everything; what was read, in the first of the rooms.
pub(super) fn add(record: &mut UserRecord, rooms: &[Draft]) {
    let user = record.user.user_id.to_string();
    if user != ANNA && user != BEN {
        return;
    }
    let room = &rooms[0];
    let (event, _) = room.events.last().unwrap();
    let gone = "$gone".try_into().unwrap();
    let read = if user == ANNA {
        &room.events[0].0
    } else {
        &gone
    };
    let room = &room.room_id;
    record.account_data = raw(&json!({
        "global": { "m.direct": { ANNA: [room] }, "org.example/x": { "n": 1.5 } },
        "rooms": { room: {
            "m.tag": { "tags": { "m.favourite": { "order": 0.5 }, "u.x": {} } },
            "m.fully_read": { "event_id": event },
        } },
    }));
    let own = |id: &str, enabled: bool| json!({ "rule_id": id, "default": false, "enabled": enabled, "pattern": id, "actions": ["notify"] });
    record.push_rules = raw(&json!({
        "override": [{ "rule_id": ".m.rule.master", "default": true, "enabled": true, "actions": [] }],
        "content": [own("c", true), own("a", false), own("b", true)],
    }));
    record.receipts = raw(&json!({ room: [
        { "receipt_type": "m.read", "event_id": event, "ts": 5 },
        { "receipt_type": "m.read.private", "event_id": read, "ts": 6 },
    ] }));
    let others = rooms.iter().filter(|room| room.is_read && user == ANNA);
    for room in others {
        let (event, _) = &room.events[0];
        let read = json!([{ "receipt_type": "m.read", "event_id": event, "ts": 7 }]);
        let id = room.room_id.as_str().try_into().unwrap();
        record.receipts.insert(id, raw(&read));
    }
}
