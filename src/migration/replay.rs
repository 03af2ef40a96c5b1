//! Replaying a room forward: each event checked, state-resolved and appended by the target like live traffic.

use std::{collections::BTreeSet, sync::Arc};

use super::{context::Import, past};
use crate::{
    Error, Result,
    ledger::Step,
    resident::{OpenRoom, Sender},
};

/// Sends the room's timeline from where the ledger says, oldest first. A refused event is that event's problem. `name` is
/// the room's, for people.
pub async fn run(import: &Import, sender: &Sender, room: &OpenRoom, name: &str) -> Result<()> {
    let start = import
        .ledger
        .entry(Step::Replay, &room.room_id)?
        .map_or(0, |entry| entry.position);
    let imported: BTreeSet<_> = past::openers(room).into_iter().collect();
    let (name, total) = (Arc::from(name), room.timeline().len() as u64);
    import.in_hand(&room.room_id, &name, start, total);
    let skip = usize::try_from(start).unwrap_or(usize::MAX);
    for (position, id) in (1..).zip(room.timeline()).skip(skip) {
        import.job.check()?;
        if !imported.contains(id)
            && !past::comes_with_the_join(room, id)
            && let Some(pdu) = room.pdu(id)?
            && let Some(reason) = refusal(sender.send(&[(id, &pdu)]).await)?
        {
            import.problem("event", id, &format!("the target refused it: {reason}"))?;
        }
        import.ledger.advance(&room.room_id, position)?;
        import.count_event(&room.room_id, &name, position, total);
    }
    Ok(())
}

/// A transaction that is refused as a whole is its one event's refusal.
fn refusal(sent: Result<Vec<Option<String>>>) -> Result<Option<String>> {
    match sent {
        Err(
            error @ Error::Answer {
                status: 400 | 413, ..
            },
        ) => Ok(Some(error.to_string())),
        other => Ok(other?.into_iter().flatten().next()),
    }
}
