//! Rooms of the first versions, and values that version 6 forbids.

use std::collections::BTreeMap;

use serde_json::json;

use super::super::{
    Town,
    diary::{Diary, SentEvent},
    versions::room,
};
use crate::lab::Result;

/// Room IDs by key, and the odd events by name.
type Made = (
    Vec<(&'static str, String)>,
    BTreeMap<&'static str, SentEvent>,
);

/// Versions 1 and 2, and 5 with what version 6 forbids.
pub(super) async fn odd(town: &Town) -> Result<Made> {
    let (one, two) = (room(town, "1").await?, room(town, "2").await?);
    let loose = room(town, "5").await?;
    let mut events = BTreeMap::new();
    for (room, name) in [
        (&one, "odd values in version 1"),
        (&loose, "odd values in version 5"),
    ] {
        let mut diary = Diary::of(room);
        // Synapse answers 500 to integers beyond 64 bits: its push rules can't read them.
        let odd = json!({
            "msgtype": "m.text",
            "body": "values that canonical JSON doesn't have",
            "floats": [1.5, -0.25, 1e30, 1e-7],
            "large": [9_007_199_254_740_993_i64, i64::MAX, i64::MIN],
        });
        diary
            .send(name, town.who("heidi"), "m.room.message", odd)
            .await?;
        events.extend(diary.events);
    }
    let rooms = vec![("version_1", one), ("version_2", two), ("loose", loose)];
    Ok((rooms, events))
}
