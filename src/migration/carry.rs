//! One room's way: join, open the past, replay, mend, read back.

use std::sync::Arc;

use ruma::{OwnedUserId, UserId};

use super::{
    compare::{self, Found},
    context::Import,
    mend, old_keys,
    outcome::RoomVerification,
    past,
    plan::{JoinPoint, RoomPlan},
    read_back, replay, stragglers, unpack,
};
use crate::{
    Error, Result,
    ledger::{Outcome, Step},
    resident::OpenRoom,
};

/// Members who are asked whether a room is there.
const WITNESSES: usize = 3;

/// Carries a room over from where the ledger says.
pub async fn run(
    import: &Import,
    plan: &RoomPlan,
    joiner: &OwnedUserId,
    join: &JoinPoint,
) -> Result<()> {
    let room_id = &plan.room_id;
    match import.ledger.entry(Step::Settle, room_id)? {
        Some(settled) if settled.is_done() => return Ok(()),
        // Sent again from the start: what is there is passed over, what is missing gets another chance.
        Some(_) => import.ledger.advance(room_id, 0)?,
        None => {}
    }
    import.job.check()?;
    // Unpacking and reading a big room takes long: other tasks, the resident among them, go on meanwhile.
    let room = Arc::new(tokio::task::block_in_place(|| {
        open(import, plan, joiner, join)
    })?);
    let _served = import.resident.open(Arc::clone(&room));
    if import.ledger.is_done(Step::Join, room_id)? && is_lost(import, plan, joiner).await? {
        tracing::warn!(%room_id, "the target has lost the room again: it is joined anew");
        import.ledger.record(Step::Join, room_id, &Outcome::Begun)?;
        import.ledger.record(Step::Open, room_id, &Outcome::Begun)?;
        import.ledger.advance(room_id, 0)?;
    }
    if import.admin.is_some() {
        // One room goes ahead: without the old server's keys, no other has to be joined.
        let ahead = async {
            enter(import, &room).await?;
            old_keys::check(import).await
        };
        import.trusted.get_or_try_init(|| ahead).await?;
    }
    enter(import, &room).await?;
    if let Some(admin) = &import.admin {
        if !import.ledger.is_done(Step::Open, room_id)? {
            let (target, resident) = (&import.target, &import.resident);
            let refused = past::open(admin, target, resident, &room, &import.job).await?;
            // Not done while anything is missing: the next import asks for it again.
            let outcome = match refused.len() {
                0 => Outcome::Done("opened"),
                some => Outcome::Failed(format!("{some} events were refused")),
            };
            for event in refused {
                let reason = format!("the target refused it: {}", event.reason);
                import.problem("event", &event.event_id, &reason)?;
            }
            import.ledger.record(Step::Open, room_id, &outcome)?;
        }
        replay::run(import, &import.sender, &room, &plan.name).await?;
    }
    settle(import, plan, &room).await
}

/// Whether nobody is in a room any more: a target that is killed may lose what it wrote last. Whoever joined it is asked
/// first, and then, for they may have been made to leave again, a few of its members.
async fn is_lost(import: &Import, plan: &RoomPlan, joiner: &UserId) -> Result<bool> {
    let memberships = import.bundle.memberships(&plan.room_id)?;
    let members = memberships
        .iter()
        .filter(|(user, membership)| *membership == "join" && import.can_act(user))
        .map(|(user, _)| &**user);
    for member in [joiner].into_iter().chain(members.take(WITNESSES)) {
        let rooms = import.target.joined_rooms(member).await?;
        if rooms.contains(&plan.room_id) {
            return Ok(false);
        }
    }
    // Who has left since, or is banned, still is somebody to a room that is there.
    let state = import.target.state(joiner, &plan.room_id).await;
    Ok(!matches!(state, Ok(Some(_))))
}

fn open(
    import: &Import,
    plan: &RoomPlan,
    joiner: &OwnedUserId,
    join: &JoinPoint,
) -> Result<OpenRoom> {
    let room = import
        .rooms
        .get(&plan.room_id)
        .ok_or_else(|| Error::Target("the bundle does not list it: export again".to_owned()))?;
    let (room, unreadable) = unpack::room(&import.bundle, room, joiner, join)?;
    for (event, error) in unreadable {
        import.problem("event", &event, &error.to_string())?;
    }
    Ok(room)
}

/// The one remote join, proved by the joiner's own list of rooms; nothing if it is done.
async fn enter(import: &Import, room: &OpenRoom) -> Result<()> {
    let (target, room_id) = (&import.target, &room.room_id);
    if import.ledger.is_done(Step::Join, room_id)? {
        return Ok(());
    }
    import.ledger.record(Step::Join, room_id, &Outcome::Begun)?;
    // After a crash the join may have gone through: asking again would do nothing, but not asking is clearer.
    if !target.joined_rooms(&room.joiner).await?.contains(room_id) {
        // The server that made the room must not be asked.
        let is_elsewhere = room_id
            .server_name()
            .is_some_and(|server| server != import.plan.server_name);
        let place = if is_elsewhere && import.admin.is_some() {
            import.resident.alias(room_id)
        } else {
            room_id.to_string()
        };
        let joined = target
            .join(&room.joiner, &place, &import.resident.identity.name)
            .await;
        if let Err(error) = joined {
            return Err(untrusted(import, &error)?.unwrap_or(error));
        }
        if !target.joined_rooms(&room.joiner).await?.contains(room_id) {
            return Err(Error::Target(format!(
                "{} is not in the room after its join: look at the target's log",
                room.joiner
            )));
        }
    }
    import
        .ledger
        .record(Step::Join, room_id, &Outcome::Done("joined"))
}

/// A target that never asked the resident for keys can't check any event: then no room will do better.
fn untrusted(import: &Import, error: &Error) -> Result<Option<Error>> {
    let is_answer = matches!(error, Error::Answer { .. });
    // It took the join's answer, but nobody asked who signed what is in it.
    let never_asked = import.resident.send_joins() > 0 && !import.resident.was_asked_for_keys();
    let first = import.ledger.count_done(Step::Join, None)? == 0;
    Ok((import.admin.is_some() && is_answer && never_asked && first).then(|| {
        Error::Setup(format!(
            "the target did not ask the resident for the old server's keys, so it can't check any event: set trusted_servers = [\"{}\"] in its configuration, restart it, and import again ({error})",
            import.resident.identity.name
        ))
    }))
}

/// Mends the joiner, then reads the room back: what differs is a problem each.
async fn settle(import: &Import, plan: &RoomPlan, room: &OpenRoom) -> Result<()> {
    let expected = tokio::task::block_in_place(|| {
        read_back::expected(&import.bundle, plan, import.plan.target.replay)
    })?;
    let readers = mend::readers(&expected, &room.joiner, |user| import.can_act(user));
    let mut found = read_back::found(&import.target, &plan.room_id, &readers, &expected).await?;
    if let Some(admin) = &import.admin {
        // A target that was restarted may have lost what it wrote last.
        let (past, sent) = stragglers::lost(room, &expected, &found);
        if !past.is_empty() || !sent.is_empty() {
            stragglers::bring(admin, &import.resident, room, &past).await?;
            replay::again(import, &import.sender, room, &sent).await?;
            found = read_back::found(&import.target, &plan.room_id, &readers, &expected).await?;
        }
    }
    if mend::joiner(&import.target, room, &expected, &found.state, &readers).await? {
        found = read_back::found(&import.target, &plan.room_id, &readers, &expected).await?;
    }
    let missing = stragglers::missing(room, &expected, &found);
    if let Some(admin) = import.admin.as_ref().filter(|_| !missing.is_empty()) {
        stragglers::bring(admin, &import.resident, room, &missing).await?;
        found = read_back::found(&import.target, &plan.room_id, &readers, &expected).await?;
    }
    let verdict = compare::room(plan, &room.joiner, &expected, &found);
    import.saw_order(verdict.same_order != Some(false));
    tell(import, &verdict, &found)?;
    let outcome = if verdict.is_good() {
        Outcome::Done("equal")
    } else {
        Outcome::Failed("it differs from the source".to_owned())
    };
    import.ledger.record(Step::Settle, &plan.room_id, &outcome)
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
