//! Those who wait at a room's door that nobody of theirs is in: invited or having knocked. Each invite is handed to the
//! target by the resident, each knock is made once more; then the user's own `/sync` is read.

pub mod letter;
pub mod read;
pub mod verify;
mod view;
pub mod waiting;

use std::sync::Arc;

use ruma::UserId;

use self::{
    letter::Letter,
    waiting::{Kind, Waiting},
};
use super::{again::Things, context::Import, plan::RoomPlan};
use crate::{
    Error, Result,
    ledger::{Outcome, Step},
    model::state_pair::StatePair,
    resident::Door,
    target::pending::Waits,
};

/// How a room is done in which somebody waits, as the ledger keeps it.
pub const DONE: &str = "pending";

/// Brings everybody's invite or knock over, as far as the plan says that it can be done. One user's failure is that
/// user's problem.
pub async fn run(import: &Import, room: &RoomPlan, waiting: &[Waiting]) -> Result<()> {
    let ledger = &import.ledger;
    let is_it = |things: &Things| things.has_room(&room.room_id);
    if import.is_done(Step::Settle, &room.room_id, is_it)? {
        return Ok(());
    }
    let mut missing = 0;
    for waiting in waiting.iter().filter(|waiting| waiting.left.is_none()) {
        import.job.turn().await?;
        let subject = format!("{} in {}", waiting.user_id, room.room_id);
        if !import.is_done(Step::Wait, &subject, is_it)? {
            let result = one(import, room, waiting, &subject).await;
            import.outcome(waiting.kind.name(), Step::Wait, &subject, result)?;
        }
        if !ledger.is_done(Step::Wait, &subject)? {
            missing += 1;
        }
    }
    let outcome = match missing {
        0 => Outcome::Done(DONE),
        some => Outcome::Failed(format!(
            "{some} of those who wait there are not on the target"
        )),
    };
    ledger.record(Step::Settle, &room.room_id, &outcome)
}

async fn one(import: &Import, room: &RoomPlan, waiting: &Waiting, subject: &str) -> Result<()> {
    let (target, user, room_id) = (&import.target, &waiting.user_id, &room.room_id);
    import.ledger.record(Step::Wait, subject, &Outcome::Begun)?;
    let mut found = target.waits(user, room_id).await?;
    if found.is_none() {
        let letter = tokio::task::block_in_place(|| Letter::read(&import.bundle, room, user))?;
        deliver(import, room, user, letter).await?;
        found = target.waits(user, room_id).await?;
    }
    let how = match found {
        Some(Waits::Invited(_)) => "invited",
        Some(Waits::Knocked(_)) => "knocked",
        Some(Waits::Joined) => "joined",
        None => {
            return Err(unseen(waiting));
        }
    };
    import
        .ledger
        .record(Step::Wait, subject, &Outcome::Done(how))
}

fn unseen(waiting: &Waiting) -> Error {
    let remedy = match waiting.kind {
        Kind::Invite => format!("look whether they ignore {}, and at its log", waiting.by),
        Kind::Knock => "look at its log".to_owned(),
    };
    Error::Target(format!(
        "the target took it, but {} does not see it: {remedy}",
        waiting.user_id
    ))
}

async fn deliver(import: &Import, room: &RoomPlan, user: &UserId, letter: Letter) -> Result<()> {
    match letter {
        Letter::Invite {
            version,
            event_id,
            pdu,
            view,
        } => {
            import
                .sender
                .invite(&room.room_id, &version, &event_id, &pdu, &view)
                .await
        }
        Letter::Knock {
            version,
            knock,
            reason,
            view,
        } => {
            let pairs = view.iter().map(|event| serde_json::from_str(event.get()));
            let pairs: Vec<StatePair> = pairs.filter_map(std::result::Result::ok).collect();
            let brought = pairs.iter().map(|pair| (&*pair.kind, &*pair.state_key));
            let brought = brought.chain([("m.room.member", user.as_str())]);
            let bringing = import.state_keys.bring(brought).await;
            let resident = Arc::clone(&import.resident);
            let name = resident.identity.name.clone();
            let door = Door {
                version,
                knock,
                view,
            };
            let _open = resident.open_door(&room.room_id, user, door);
            import
                .target
                .knock(user, &room.room_id, &name, reason.as_deref())
                .await?;
            bringing.met();
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use ruma::owned_user_id;

    use super::*;

    #[test]
    fn who_sees_nothing_is_told_of() {
        let told = |kind| {
            let waiting = Waiting {
                user_id: owned_user_id!("@a:x"),
                kind,
                by: owned_user_id!("@host:x"),
                left: None,
            };
            unseen(&waiting).to_string()
        };
        insta::assert_snapshot!(told(Kind::Invite), @"the target took it, but @a:x does not see it: look whether they ignore @host:x, and at its log");
        insta::assert_snapshot!(told(Kind::Knock), @"the target took it, but @a:x does not see it: look at its log");
    }
}
