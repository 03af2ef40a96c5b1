//! How far the target is behind Synapse, in words.

use crate::{
    job::Lag,
    report::text::{about, count, duration},
};

/// What stands behind the stage.
pub(super) fn facts(of: Lag) -> Vec<String> {
    let mut facts = Vec::new();
    facts.extend(
        of.median_ms
            .map(|median| format!("each comes over in {}", duration(median))),
    );
    if of.rooms_waiting > 0 {
        let rooms = count(of.rooms_waiting, "room waits", "rooms wait");
        facts.push(format!("{rooms} for the next whole sync, which comes soon"));
    } else {
        facts.push(format!("the next whole sync in {}", about(of.next_sync_ms)));
    }
    facts
}
