//! Room aliases.

use std::collections::BTreeMap;

use ruma::{OwnedRoomAliasId, OwnedRoomId, RoomAliasId, RoomId, UserId};

use super::{
    context::{Each, Import},
    local::anew::Anew,
};
use crate::{
    Error, Result,
    job::Phase,
    ledger::{Outcome, Step},
};

/// Where an alias belongs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    /// Its room, by the bundle's ID.
    pub(super) room: &'a RoomId,
    /// That room's ID on the target.
    pub(super) there: &'a RoomId,
    /// Who makes the alias.
    pub(super) user: &'a UserId,
}

/// Makes the aliases of the rooms that were carried over or made anew. The plan said which rooms stay behind; their
/// aliases do, too.
pub async fn run(import: &Import, aliases: &BTreeMap<OwnedRoomAliasId, OwnedRoomId>) -> Result<()> {
    let anew = Anew::of(&import.plan, &import.ledger)?;
    let makers: BTreeMap<&RoomId, &UserId> = import
        .plan
        .rooms
        .iter()
        .filter_map(|room| Some((&*room.room_id, room.action.maker()?)))
        .collect();
    let carried: Vec<_> = aliases
        .iter()
        .filter(|(alias, _)| import.is_about(|things| things.aliases.contains(*alias)))
        .filter_map(|(alias, room)| Some((alias, room, *makers.get(&**room)?)))
        .collect();
    let each = Each {
        phase: Phase::Aliases,
        name: "alias",
        step: Step::Alias,
        total: carried.len(),
        events: None,
        in_flight: 1,
    };
    let anew = &anew;
    let work = carried.into_iter().map(|(alias, room, user)| {
        let subject = alias.to_string();
        let there = anew.id(room).unwrap_or(room);
        let place = Place { room, there, user };
        (subject, async move { one(import, alias, place).await })
    });
    import.each(each, work).await
}

/// Makes an alias, unless it is done.
pub(super) async fn one(import: &Import, alias: &RoomAliasId, place: Place<'_>) -> Result<()> {
    import.job.turn().await?;
    if import.is_done(Step::Alias, alias, |things| {
        things.aliases.iter().any(|it| it == alias)
    })? {
        return Ok(());
    }
    let Place { room, there, user } = place;
    let is_there = import.ledger.is_done(Step::Join, room)?;
    if !is_there && !import.ledger.is_done(Step::Make, room)? {
        return Err(Error::Target(format!(
            "its room {room} is not there yet: import again"
        )));
    }
    match import.target.resolve(alias).await? {
        Some(named) if named == *there => {}
        Some(other) => {
            return Err(Error::Target(format!(
                "it names {other} on the target already: remove it there and import again"
            )));
        }
        None => match import.target.set_alias(user, alias, there).await {
            // Another try may have set it, although its answer was lost.
            Err(error @ Error::Answer { .. }) => {
                if import.target.resolve(alias).await?.as_deref() != Some(there) {
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
