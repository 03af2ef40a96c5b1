//! One room's way: join, open the past, replay, mend, read back.

use std::sync::Arc;

use ruma::{OwnedUserId, RoomId, UserId};

use super::{
    context::Import,
    old_keys, past,
    plan::{JoinPoint, RoomPlan},
    replay, settle, unpack,
};
use crate::{
    Error, Result,
    ledger::{Entry, Outcome, Place, Step},
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
    let is_named = import.names(|things| things.has_room(room_id));
    let settled = import.ledger.entry(Step::Settle, room_id)?;
    if settled.as_ref().is_some_and(Entry::is_done) && !is_named {
        return Ok(());
    }
    import.job.turn().await?;
    // Unpacking and reading a big room takes long: other tasks, the resident among them, go on meanwhile.
    let room = Arc::new(tokio::task::block_in_place(|| {
        open(import, plan, joiner, join)
    })?);
    let _served = import.resident.open(Arc::clone(&room));
    let is_lost =
        import.ledger.is_done(Step::Join, room_id)? && is_lost(import, plan, joiner).await?;
    // What is named stays done until the target has answered.
    if is_named {
        import.ledger.again(Step::Settle, room_id)?;
    }
    if settled.is_some() {
        // Sent again from the start: what is there is passed over, what is missing gets another chance.
        import.ledger.advance(room_id, 0)?;
    }
    if is_lost {
        tracing::warn!(%room_id, "the target has lost the room again: it is joined anew");
        import.ledger.record(Step::Join, room_id, &Outcome::Begun)?;
        import.ledger.record(Step::Open, room_id, &Outcome::Begun)?;
        import.ledger.advance(room_id, 0)?;
    }
    if !import.ledger.is_done(Step::Join, room_id)? {
        // A later export has to go on from here, whatever it would choose itself.
        import.ledger.place(&place(room_id, joiner, join))?;
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
    settle::run(import, plan, &room).await
}

fn place(room: &RoomId, joiner: &UserId, join: &JoinPoint) -> Place {
    Place {
        room: room.to_string(),
        joiner: joiner.to_string(),
        point: serde_json::to_string(join).unwrap_or_default(),
    }
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
        let (_, state) = room.join_point().unwrap_or_default();
        let brought = state.keys().map(|(kind, key)| (&**kind, &**key));
        let bringing = brought.chain([("m.room.member", room.joiner.as_str())]);
        let bringing = import.state_keys.bring(bringing).await;
        let joined = target
            .join(&room.joiner, &place, &import.resident.identity.name)
            .await;
        if joined.is_ok() {
            bringing.met();
        }
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
