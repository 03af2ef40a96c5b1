//! What the replay leaves wrong: the joiner's new join event, being the newest, can win over its own later leave or ban;
//! and a fork can end in another state than the source's.

use ruma::{OwnedUserId, UserId};

use super::compare::Expected;
use crate::{
    Error, Result,
    error::Class,
    model::state_event::{Member, StateEvent},
    resident::{OpenRoom, Resident},
    target::{
        Target,
        admin_room::{self, AdminRoom},
    },
};

/// Puts the joiner's membership right if the room has it wrong; tells whether anything was done.
///
/// `members` are joined users who can act: a ban is tried as each of them, for not all have the power.
pub async fn joiner(
    target: &Target,
    room: &OpenRoom,
    expected: &Expected,
    found: &[StateEvent],
    members: &[OwnedUserId],
) -> Result<bool> {
    let joiner = &room.joiner;
    let want = expected.membership(joiner);
    let there = member(found, joiner).and_then(|there| there.membership.as_deref());
    if there == want {
        return Ok(false);
    }
    match want {
        None | Some("leave") => target.leave(joiner, &room.room_id).await?,
        Some("ban") => ban(target, room, members).await?,
        Some(other) => {
            return Err(Error::Target(format!(
                "{joiner} should be in the state {other}, which can't be restored: mend it by hand"
            )));
        }
    }
    Ok(true)
}

/// Has the target resolve its state anew, against the source's.
///
/// Of two topics that were set on both sides of a fork, Tuwunel 1.4.6 takes the wrong one now and then: its
/// `conflicted_subgraph` counts events that are in no conflict, so that an old `m.room.power_levels` may forbid the
/// right topic. Here only what differs is in conflict. Whether it went well, the next reading tells.
pub async fn state(admin: &AdminRoom, resident: &Resident, room: &OpenRoom) -> Result<()> {
    if !admin_room::is_word(room.room_id.as_str()) {
        return Ok(());
    }
    let command = format!(
        "debug force-set-room-state-from-server {} {}",
        room.room_id, resident.identity.name
    );
    // From now on: a command without an answer may still be carried out, and nothing else asks for a room's state.
    room.tell_current_state();
    let answer = match admin.run(&command).await {
        // No reply: what came of it is seen in the state.
        Err(Error::Target(reason)) => reason,
        other => other?,
    };
    tracing::debug!(room_id = %room.room_id, answer, "the state was mended");
    Ok(())
}

async fn ban(target: &Target, room: &OpenRoom, members: &[OwnedUserId]) -> Result<()> {
    let joiner = &room.joiner;
    let mut refused = None;
    for by in members.iter().filter(|user| *user != joiner) {
        match target.ban(by, joiner, &room.room_id).await {
            Ok(()) => return Ok(()),
            Err(error @ Error::Answer { status: 403, .. }) => refused = Some(error),
            Err(error) => return Err(error),
        }
    }
    Err(refused.unwrap_or_else(|| {
        Error::Target(format!(
            "{joiner} should be banned, but nobody is left to do it: ban them by hand"
        ))
    }))
}

/// The joiner's new join event has the name and picture of the profile: where they had others in this room, these are set;
/// tells whether that was tried. A passing fault is one only in the `last` try.
pub async fn name(
    target: &Target,
    room: &OpenRoom,
    expected: &Expected,
    found: &[StateEvent],
    last: bool,
) -> Result<bool> {
    let joiner = &room.joiner;
    let there = member(found, joiner);
    let want = expected.members.get(joiner);
    let Some(want) = want.filter(|want| want.membership.as_deref() == Some("join")) else {
        return Ok(false);
    };
    if there == Some(want) {
        return Ok(false);
    }
    let (name, avatar_url) = (want.displayname.as_deref(), want.avatar_url.as_deref());
    let set = target.set_member(joiner, &room.room_id, name, avatar_url);
    match set.await {
        // Whether it was set all the same, and whether it can be at all, the next reading tells.
        Err(error) if error.class() == Class::Retry && !last => {}
        Err(error @ Error::Answer { .. }) if error.class() != Class::Retry => {
            tracing::debug!(room_id = %room.room_id, %error, "the joiner's name in the room is not set");
        }
        other => other?,
    }
    Ok(true)
}

/// A user in a state.
fn member<'a>(state: &'a [StateEvent], user: &UserId) -> Option<&'a Member> {
    state
        .iter()
        .find(|event| event.kind == "m.room.member" && event.state_key == user.as_str())
        .map(|event| &event.content)
}

/// The joined members who can read a room for us, the joiner first if it is one of them.
#[must_use]
pub fn readers(
    expected: &Expected,
    joiner: &OwnedUserId,
    able: impl Fn(&UserId) -> bool,
) -> Vec<OwnedUserId> {
    let mut readers: Vec<_> = expected
        .joined()
        .filter(|user| able(user))
        .cloned()
        .collect();
    readers.sort_by_key(|user| user != joiner);
    readers
}
