//! Events that came to the target as backfill, and not as they happened.

use ruma::{EventId, RoomId};

use crate::{
    Result,
    bundle::Bundle,
    migration::plan::{Plan, RoomAction},
};

/// Whether an event came before the join: in the bundle's order, up to the one that the join follows.
pub(super) fn is_backfilled(
    bundle: &Bundle,
    plan: &Plan,
    room: &RoomId,
    event: &EventId,
) -> Result<bool> {
    let plan = plan.rooms.iter().find(|plan| plan.room_id == room);
    let Some(RoomAction::Carry { join, .. }) = plan.map(|plan| &plan.action) else {
        return Ok(false);
    };
    let Some(join) = join.event_id() else {
        return Ok(false);
    };
    for line in bundle.events(room)? {
        let line = line?;
        if line.event_id == event {
            return Ok(true);
        }
        if line.event_id == join {
            break;
        }
    }
    Ok(false)
}
