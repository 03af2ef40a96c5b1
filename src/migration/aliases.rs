//! Room aliases.

use std::collections::BTreeMap;

use ruma::{OwnedRoomAliasId, OwnedRoomId, RoomAliasId, RoomId, UserId};

use super::{
    context::{Each, Import},
    plan::RoomAction,
};
use crate::{
    Error, Result,
    job::Phase,
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
            RoomAction::Pending { .. }
            | RoomAction::Skip { .. }
            | RoomAction::Unreadable { .. } => None,
        })
        .collect();
    let carried: Vec<_> = aliases
        .iter()
        .filter(|(alias, _)| import.is_about(|things| things.aliases.contains(*alias)))
        .filter_map(|(alias, room)| {
            Some((
                alias.clone(),
                room.clone(),
                (*joiners.get(&**room)?).to_owned(),
            ))
        })
        .collect();
    let each = Each {
        phase: Phase::Aliases,
        name: "alias",
        step: Step::Alias,
        total: carried.len(),
        events: None,
        in_flight: 1,
    };
    let work = carried.into_iter().map(|(alias, room, user)| {
        let subject = alias.to_string();
        (
            subject,
            async move { one(import, &alias, &room, &user).await },
        )
    });
    import.each(each, work).await
}

async fn one(import: &Import, alias: &RoomAliasId, room: &RoomId, user: &UserId) -> Result<()> {
    import.job.turn().await?;
    if import.is_done(Step::Alias, alias, |things| {
        things.aliases.iter().any(|it| it == alias)
    })? {
        return Ok(());
    }
    if !import.ledger.is_done(Step::Join, room)? {
        return Err(Error::Target(format!(
            "its room {room} is not there yet: import again"
        )));
    }
    match import.target.resolve(alias).await? {
        Some(there) if there == *room => {}
        Some(other) => {
            return Err(Error::Target(format!(
                "it names {other} on the target already: remove it there and import again"
            )));
        }
        None => match import.target.set_alias(user, alias, room).await {
            // Another try may have set it, although its answer was lost.
            Err(error @ Error::Answer { .. }) => {
                if import.target.resolve(alias).await?.as_deref() != Some(room) {
                    return Err(error);
                }
            }
            other => other?,
        },
    }
    import
        .ledger
        .record(Step::Alias, alias, &Outcome::Done("set"))
}
