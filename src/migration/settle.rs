//! The end of a room's way: what was lost comes again, what went wrong is mended, and what differs all the same is told.

use super::{
    compare::{self, Expected, Found},
    context::Import,
    mend,
    outcome::RoomVerification,
    plan::RoomPlan,
    read_back, replay, stragglers,
};
use crate::{
    Result,
    ledger::{Outcome, Step},
    resident::OpenRoom,
};

/// In the ledger, of a room that is as it was on the source.
pub const EQUAL: &str = "equal";

/// How often a state that differs is mended: a resolution of the target's may go wrong again ([`mend::state`]).
const MENDS: usize = 3;

/// How often the joiner's name in the room is set: whether it was is read.
const NAMES: usize = 2;

/// Reads the room back until it is as it should be, or nothing more can be done: what differs is a problem each.
pub async fn run(import: &Import, plan: &RoomPlan, room: &OpenRoom) -> Result<()> {
    let expected = tokio::task::block_in_place(|| {
        read_back::expected(&import.bundle, plan, import.plan.target.replay)
    })?;
    let readers = mend::readers(&expected, &room.joiner, |user| import.can_act(user));
    let read = || read_back::found(&import.target, &plan.room_id, &readers, &expected);
    let mut found = read().await?;
    if again(import, room, &expected, &found).await? {
        found = read().await?;
    }
    if mend::joiner(&import.target, room, &expected, &found.state, &readers).await? {
        found = read().await?;
    }
    if bring(import, room, &expected, &found).await? {
        found = read().await?;
    }
    let mut verdict = compare::room(plan, &room.joiner, &expected, &found);
    // After all that was said, or what is still missing would come behind it.
    for number in 1..=NAMES {
        let last = number == NAMES;
        if !verdict.timeline.is_good()
            || !mend::name(&import.target, room, &expected, &found.state, last).await?
        {
            break;
        }
        found = read().await?;
        verdict = compare::room(plan, &room.joiner, &expected, &found);
    }
    if let Some(admin) = &import.admin {
        for _ in 0..MENDS {
            if verdict.has_its_state() {
                break;
            }
            // It may not have met what differs.
            let keys = room.current_state.keys();
            let keys = keys.map(|(kind, key)| (&**kind, &**key));
            let _bringing = import.state_keys.bring(keys).await;
            mend::state(admin, &import.resident, room).await?;
            found = read().await?;
            verdict = compare::room(plan, &room.joiner, &expected, &found);
        }
    }
    import.saw_order(verdict.same_order != Some(false));
    tell(import, &verdict, &found)?;
    let outcome = if verdict.is_good() {
        Outcome::Done(EQUAL)
    } else {
        Outcome::Failed("it differs from the source".to_owned())
    };
    import.ledger.record(Step::Settle, &plan.room_id, &outcome)
}

/// What a target that was restarted has lost, because it hadn't written it; tells whether there was any.
async fn again(
    import: &Import,
    room: &OpenRoom,
    expected: &Expected,
    found: &Found,
) -> Result<bool> {
    let Some(admin) = &import.admin else {
        return Ok(false);
    };
    let (past, sent) = stragglers::lost(room, expected, found);
    stragglers::bring(admin, &import.resident, room, &past).await?;
    replay::again(import, &import.sender, room, &sent).await?;
    Ok(!past.is_empty() || !sent.is_empty())
}

/// What the target has refused because of a fork; tells whether there was any.
async fn bring(
    import: &Import,
    room: &OpenRoom,
    expected: &Expected,
    found: &Found,
) -> Result<bool> {
    let Some(admin) = &import.admin else {
        return Ok(false);
    };
    let missing = stragglers::missing(room, expected, found);
    stragglers::bring(admin, &import.resident, room, &missing).await?;
    Ok(!missing.is_empty())
}

/// Each difference is a problem; what an earlier run found is forgotten, and so are refused events that are there now.
fn tell(import: &Import, verdict: &RoomVerification, found: &Found) -> Result<()> {
    let room_id = &verdict.room_id;
    import.ledger.solved_all("room", &format!("{room_id}: "))?;
    for entry in found.timeline.iter().chain(&found.seen_by_others) {
        import.ledger.solved("event", &entry.event_id)?;
    }
    let differences = [&verdict.members, &verdict.state, &verdict.timeline]
        .into_iter()
        .flat_map(|comparison| comparison.differences.iter().map(String::as_str));
    let order = (verdict.same_order == Some(false)).then_some("its events are in another order");
    for difference in differences.chain(order) {
        import.problem(
            "room",
            &format!("{room_id}: {difference}"),
            "it differs from the source",
        )?;
    }
    Ok(())
}
