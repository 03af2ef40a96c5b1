//! Rooms that the room directory lists.

use std::collections::BTreeSet;

use ruma::{OwnedRoomId, OwnedUserId, RoomId};

use super::{
    context::{Each, Import},
    local::anew::Anew,
    outcome::Comparison,
    plan::Plan,
};
use crate::{
    Error, Result,
    bundle::Bundle,
    job::Phase,
    ledger::{Outcome, Step},
    target::{Target, admin_room},
};

/// Lists the rooms that were carried over or made anew, and had been listed.
pub async fn run(import: &Import) -> Result<()> {
    let listed = import.bundle.directory()?;
    let rooms: Vec<_> = import
        .plan
        .rooms
        .iter()
        .filter(|room| listed.contains(&room.room_id))
        .filter(|room| import.is_about(|things| things.listings.contains(&room.room_id)))
        .filter_map(|room| Some((room.room_id.clone(), room.action.maker()?.to_owned())))
        .collect();
    let each = Each {
        phase: Phase::Listings,
        name: "listing",
        step: Step::Listing,
        total: rooms.len(),
        events: None,
        in_flight: 1,
    };
    let anew = &Anew::of(&import.plan, &import.ledger)?;
    let work = rooms.into_iter().map(|(room, joiner)| {
        let subject = room.to_string();
        (
            subject,
            async move { one(import, &room, &joiner, anew).await },
        )
    });
    import.each(each, work).await
}

async fn one(import: &Import, room: &OwnedRoomId, joiner: &OwnedUserId, anew: &Anew) -> Result<()> {
    import.job.turn().await?;
    if import.is_done(Step::Listing, room, |things| things.listings.contains(room))? {
        return Ok(());
    }
    if !import.ledger.is_done(Step::Settle, room)? {
        return Err(Error::Target(
            "the room is not there yet: import again".to_owned(),
        ));
    }
    let there = anew.id(room).unwrap_or(room);
    if !import.target.is_listed(there).await? {
        list(import, (room, there), joiner).await?;
        if !import.target.is_listed(there).await? {
            return Err(Error::Target(
                "the target does not list it: publish it there by hand".to_owned(),
            ));
        }
    }
    import
        .ledger
        .record(Step::Listing, room, &Outcome::Done("listed"))
}

/// As the joiner, who has made most rooms; else as the target's admin, or, where there is none, as any other member.
async fn list(
    import: &Import,
    (room, there): (&RoomId, &RoomId),
    joiner: &OwnedUserId,
) -> Result<()> {
    let refused = match import.target.list_room(joiner, there).await {
        Err(error @ Error::Answer { status: 403, .. }) => error,
        other => return other,
    };
    if let Some(admin) = &import.admin {
        if !admin_room::is_word(there.as_str()) {
            return Err(refused);
        }
        let command = format!("rooms directory publish {there}");
        let answer = admin.run(&command).await?;
        tracing::debug!(%room, answer, "the room was listed as an admin");
        return Ok(());
    }
    let members = tokio::task::block_in_place(|| import.bundle.memberships(room))?;
    let others = members
        .into_iter()
        .filter(|(user, membership)| membership == "join" && import.can_act(user));
    for (user, _) in others {
        match import.target.list_room(&user, there).await {
            Err(Error::Answer { status: 403, .. }) => {}
            other => return other,
        }
    }
    Err(refused)
}

/// Compares the listed rooms that are carried over; the others are listed as known.
pub async fn compare(
    target: &Target,
    bundle: &Bundle,
    plan: &Plan,
    anew: &Anew,
) -> Result<Comparison> {
    let carried: BTreeSet<_> = plan
        .rooms
        .iter()
        .filter(|room| room.action.maker().is_some())
        .map(|room| &room.room_id)
        .collect();
    let listed = bundle.directory()?;
    let mut comparison = Comparison {
        expected: listed.len() as u64,
        ..Comparison::default()
    };
    for room in &listed {
        if !carried.contains(room) {
            comparison.known.push(format!("{room} is not carried over"));
        } else if target.is_listed(anew.id(room).unwrap_or(room)).await? {
            comparison.equal += 1;
        } else {
            comparison.differences.push(format!("{room} is not listed"));
        }
    }
    Ok(comparison)
}
