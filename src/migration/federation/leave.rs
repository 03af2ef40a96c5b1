//! `--leave-old`: old accounts go from where the new ones are, after everything else.

use ruma::{OwnedUserId, RoomId};

use super::enter::{how, is_of_this_alone, subject};
use crate::{
    Error, Result,
    ledger::{Outcome, Step},
    migration::{context::Import, plan::RoomAction},
};

/// In the ledger.
const LEFT: &str = "left";

/// Of every room that is done.
pub async fn run(import: &Import) -> Result<()> {
    if !import.plan.leave_old || import.plan.ids.are_same() {
        return Ok(());
    }
    for room in &import.plan.rooms {
        let (id, ledger) = (&room.room_id, &import.ledger);
        let is_joined = matches!(room.action, RoomAction::Join(_));
        // Where somebody is not in yet, an old account may have to invite them.
        if !is_joined || !import.is_about_room(id) || !ledger.is_done(Step::Settle, id)? {
            continue;
        }
        let memberships = tokio::task::block_in_place(|| import.bundle.memberships(id))?;
        for (old, membership) in memberships {
            let is_ours = import.plan.ids.is_old(&old) && membership == "join";
            let new = import.plan.ids.new_id(&old);
            if !is_ours || !import.can_act(&new) {
                continue;
            }
            import.job.turn().await?;
            let what = subject(&new, id);
            match one(import, id, (&old, &new), &what).await {
                Ok(()) => ledger.solved("leaving", &what)?,
                Err(error) if is_of_this_alone(&error) => {
                    import.problem("leaving", &what, &error.to_string())?;
                }
                Err(error) => return Err(error),
            }
        }
    }
    Ok(())
}

async fn one(
    import: &Import,
    room: &RoomId,
    (old, new): (&OwnedUserId, &OwnedUserId),
    what: &str,
) -> Result<()> {
    let ledger = &import.ledger;
    let entry = ledger.entry(Step::Enter, what)?;
    let has_entered = entry.is_some_and(|entry| entry.is_done() && entry.detail == how::JOINED);
    if !has_entered || ledger.is_done(Step::LeaveOld, what)? {
        return Ok(());
    }
    let Some(accounts) = &import.old_accounts else {
        return Ok(());
    };
    let rooms = import.target.joined_rooms(new).await?;
    if !rooms.iter().any(|it| it == room) {
        return Err(Error::Target(format!(
            "{new} has left the room on the target since, so the old account {old} stays in it"
        )));
    }
    ledger.record(Step::LeaveOld, what, &Outcome::Begun)?;
    let now = accounts.membership(old, room, old).await?;
    if now.as_deref() == Some("join") {
        accounts.leave(old, room).await?;
    }
    ledger.record(Step::LeaveOld, what, &Outcome::Done(LEFT))
}
