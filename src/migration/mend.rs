//! The joiner afterwards: its new join event, being the newest, can win over its own later leave or ban.

use ruma::{OwnedUserId, UserId};

use super::compare::Expected;
use crate::{Error, Result, model::state_event::StateEvent, resident::OpenRoom, target::Target};

/// Puts the joiner's membership right if the room has it wrong; tells whether anything was done.
pub async fn joiner(
    target: &Target,
    room: &OpenRoom,
    expected: &Expected,
    found: &[StateEvent],
) -> Result<bool> {
    let joiner = &room.joiner;
    let want = expected.membership(joiner);
    if membership(found, joiner) == want {
        return Ok(false);
    }
    match want {
        None | Some("leave") => target.leave(joiner, &room.room_id).await?,
        Some("ban") => {
            let by = expected
                .joined()
                .find(|user| *user != joiner)
                .ok_or_else(|| {
                    Error::Target(format!(
                        "{joiner} should be banned, but nobody is left to do it"
                    ))
                })?;
            target.ban(by, joiner, &room.room_id).await?;
        }
        Some(other) => {
            return Err(Error::Target(format!(
                "{joiner} should be in the state {other}, which can't be restored: mend it by hand"
            )));
        }
    }
    Ok(true)
}

/// A user's membership in a state.
fn membership<'a>(state: &'a [StateEvent], user: &UserId) -> Option<&'a str> {
    state
        .iter()
        .find(|event| event.kind == "m.room.member" && event.state_key == user.as_str())
        .and_then(|event| event.content.membership.as_deref())
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
