//! Room aliases.

use std::collections::BTreeMap;

use ruma::{OwnedRoomAliasId, OwnedRoomId, RoomAliasId, RoomId, UserId};

use super::{import::Import, plan::RoomAction};
use crate::{
    Error, Result,
    job::{Event, Phase},
    ledger::{Outcome, Step},
};

/// Makes the aliases of the rooms that were carried over. The plan said which rooms stay behind; their aliases do, too.
pub async fn run(import: &Import, aliases: &BTreeMap<OwnedRoomAliasId, OwnedRoomId>) -> Result<()> {
    let joiners: BTreeMap<&RoomId, &UserId> = import
        .plan
        .rooms
        .iter()
        .filter_map(|room| match &room.action {
            RoomAction::Carry { joiner, .. } => Some((&*room.room_id, &**joiner)),
            RoomAction::Skip { .. } | RoomAction::Unreadable { .. } => None,
        })
        .collect();
    let carried: Vec<_> = aliases
        .iter()
        .filter_map(|(alias, room)| Some((alias, room, *joiners.get(&**room)?)))
        .collect();
    import.begin(Phase::Aliases, carried.len());
    for (count, (alias, room, user)) in (1..).zip(carried) {
        import.job.check()?;
        let result = if import.ledger.is_done(Step::Join, room)? {
            one(import, alias, room, user).await
        } else {
            Err(Error::Target(format!(
                "its room {room} is not there yet: import again"
            )))
        };
        import.outcome("alias", Step::Alias, alias, result)?;
        import.job.emit(Event::Done {
            phase: Phase::Aliases,
            done: count,
        });
    }
    Ok(())
}

async fn one(import: &Import, alias: &RoomAliasId, room: &RoomId, user: &UserId) -> Result<()> {
    if import.ledger.is_done(Step::Alias, alias)? {
        return Ok(());
    }
    match import.target.resolve(alias).await? {
        Some(there) if there == *room => {}
        Some(other) => {
            return Err(Error::Target(format!(
                "it names {other} on the target already: remove it there and import again"
            )));
        }
        None => import.target.set_alias(user, alias, room).await?,
    }
    import
        .ledger
        .record(Step::Alias, alias, &Outcome::Done("set"))
}
