//! Rooms that an export should hold and that are hard to carry, or can't be carried.

mod fallen;
mod gone;
mod old;
mod rules;

use std::collections::BTreeMap;

use super::{Town, diary::SentEvent};
use crate::lab::Result;

/// What was made there.
#[derive(Default)]
pub(super) struct Outskirts {
    /// Room IDs by key.
    pub(super) rooms: BTreeMap<&'static str, String>,
    /// Odd events by name.
    pub(super) events: BTreeMap<&'static str, SentEvent>,
    /// IDs of events that are gone.
    pub(super) purged: Vec<String>,
}

/// Makes all of them.
pub(super) async fn make(town: &Town) -> Result<Outskirts> {
    let ((old, events), fallen, rules, deserted, stood_up, erased, (without_past, purged)) = tokio::try_join!(
        old::odd(town),
        fallen::fallen(town),
        rules::rules(town),
        gone::deserted(town),
        gone::stood_up(town),
        gone::erased(town),
        gone::purged(town),
    )?;
    let mut rooms: BTreeMap<_, _> = [old, fallen, rules, deserted, stood_up, erased]
        .into_iter()
        .flatten()
        .collect();
    rooms.insert("purged", without_past);
    Ok(Outskirts {
        rooms,
        events,
        purged,
    })
}
