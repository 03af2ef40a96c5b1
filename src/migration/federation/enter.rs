//! One member's way into a room: look, be invited where that is needed, join, look again.

use std::{collections::BTreeSet, time::Duration};

use ruma::{OwnedRoomId, OwnedUserId, RoomId, ServerName, UserId};
use serde_json::Value;

use super::{
    planner::{Door, Way},
    room::MEMBER,
};
use crate::{
    Error, Result,
    ledger::{Outcome, Step},
    migration::context::Import,
};

/// Servers that one attempt names.
const AT_ONCE: usize = 3;
/// How often it is looked whether a join has taken place whose answer was lost, or whether an invite has arrived.
const LOOKS: u32 = 10;
/// How often it is looked at whether an invite is in a room that the target is in: it comes behind whatever else the old
/// server has to send.
const PATIENCE: u32 = 60;
/// The pause before each further look.
const PAUSE: Duration = Duration::from_secs(1);

/// In the ledger, how somebody is in a room.
pub mod how {
    /// They have joined it.
    pub const JOINED: &str = "joined";
    /// They are invited to it.
    pub const INVITED: &str = "invited";
}

/// A membership in the ledger and among the problems.
pub(super) fn subject(user: &UserId, room: &RoomId) -> String {
    format!("{user} {room}")
}

/// Somebody who is to come in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Guest<'a> {
    pub(super) room: &'a RoomId,
    pub(super) way: &'a Way,
    /// What the target gets of its state with the first join, by type and state key.
    pub(super) keys: &'a BTreeSet<(String, String)>,
    /// Their new one.
    pub(super) new: &'a OwnedUserId,
    /// Somebody of the target who is in the room already.
    pub(super) witness: Option<&'a UserId>,
    /// Who has joined last before them.
    pub(super) last: Option<&'a UserId>,
    /// Old accounts that may invite them, in the order in which they are asked.
    pub(super) hosts: &'a [OwnedUserId],
}

/// Joins somebody, once; nothing if it is done.
pub(super) async fn join(import: &Import, guest: Guest<'_>) -> Result<()> {
    let (ledger, subject) = (&import.ledger, subject(guest.new, guest.room));
    if ledger.is_done(Step::Enter, &subject)? {
        return Ok(());
    }
    import.job.turn().await?;
    let rooms = import.target.joined_rooms(guest.new).await?;
    if rooms.iter().any(|room| room == guest.room) {
        return ledger.record(Step::Enter, &subject, &Outcome::Done(how::JOINED));
    }
    ledger.record(Step::Enter, &subject, &Outcome::Begun)?;
    come_in(import, guest, &rooms).await?;
    if !is_in(import, guest).await? {
        return Err(Error::Target(
            "the target took the join, but they are not in the room: look at its log, and import again".to_owned(),
        ));
    }
    ledger.record(Step::Enter, &subject, &Outcome::Done(how::JOINED))
}

async fn come_in(import: &Import, guest: Guest<'_>, rooms: &[OwnedRoomId]) -> Result<()> {
    if let Some(witness) = guest.witness {
        return join_in(import, guest, witness, rooms).await;
    }
    let may_come = match &guest.way.door {
        Door::Open => true,
        Door::Restricted(allowed) => allowed.iter().any(|room| rooms.contains(room)),
        Door::Invite => false,
    };
    if may_come {
        match attempts(import, guest, 1).await {
            // The bundle may be older than the rule.
            Err(error) if is_forbidden(&error) && !guest.hosts.is_empty() => {}
            other => return other,
        }
    }
    if guest.hosts.is_empty() {
        return Err(no_host());
    }
    invite(import, guest.room, (guest.new, guest.last), guest.hosts).await?;
    attempts(import, guest, LOOKS).await
}

/// Into a room that the target is in already. A join that it can't do by itself must not be asked of it: Tuwunel 1.4.6 then
/// joins through another server while it holds the room, waits for itself, and nothing happens in that room any more.
async fn join_in(
    import: &Import,
    guest: Guest<'_>,
    witness: &UserId,
    rooms: &[OwnedRoomId],
) -> Result<()> {
    let rule = state(import, guest.room, witness, ("m.room.join_rules", "")).await?;
    let is_invited = is_invited(import, guest.room, guest.new, witness).await?;
    let may_come = match rule["join_rule"].as_str() {
        Some("public") => true,
        Some("restricted" | "knock_restricted") if !import.plan.target.replay => {
            match &guest.way.door {
                Door::Restricted(allowed) => allowed.iter().any(|room| rooms.contains(room)),
                Door::Open | Door::Invite => false,
            }
        }
        _ => false,
    };
    if !may_come && !is_invited {
        if guest.hosts.is_empty() {
            return Err(no_host());
        }
        let brought = import.state_keys.bring([(MEMBER, guest.new.as_str())]);
        let bringing = brought.await;
        invite(import, guest.room, (guest.new, guest.last), guest.hosts).await?;
        heard(import, guest.room, guest.new, witness).await?;
        bringing.met();
    }
    attempts(import, guest, LOOKS).await
}

/// Waits until an invite is in the room's state on the target.
pub(super) async fn heard(
    import: &Import,
    room: &RoomId,
    guest: &UserId,
    witness: &UserId,
) -> Result<()> {
    for _ in 0..PATIENCE {
        import.job.turn().await?;
        if is_invited(import, room, guest, witness).await? {
            return Ok(());
        }
        tokio::time::sleep(PAUSE).await;
    }
    Err(Error::Target(
        "they are invited on the old server, but the target has not heard of it: look whether other servers reach it, and import again"
            .to_owned(),
    ))
}

async fn is_invited(
    import: &Import,
    room: &RoomId,
    guest: &UserId,
    witness: &UserId,
) -> Result<bool> {
    let key = ("m.room.member", guest.as_str());
    let membership = &state(import, room, witness, key).await?["membership"];
    Ok(membership == "invite" || membership == "join")
}

async fn state(
    import: &Import,
    room: &RoomId,
    witness: &UserId,
    key: (&str, &str),
) -> Result<Value> {
    let found = import.target.state_content(witness, room, key).await?;
    Ok(found.unwrap_or_default())
}

fn no_host() -> Error {
    Error::Target(
        "they need an invite, and nobody of the old server who is in the room may give one: let one of its moderators invite them"
            .to_owned(),
    )
}

/// Waits until the old server has heard that somebody has joined: what it sends before that would be a fork, and targets
/// have chosen the wrong side of such.
pub(super) async fn quiet(
    import: &Import,
    room: &RoomId,
    reader: &UserId,
    last: Option<&UserId>,
) -> Result<()> {
    let (Some(old), Some(last)) = (&import.old_accounts, last) else {
        return Ok(());
    };
    for _ in 0..PATIENCE {
        import.job.turn().await?;
        if old.membership(reader, room, last).await?.as_deref() == Some("join") {
            return Ok(());
        }
        tokio::time::sleep(PAUSE).await;
    }
    Err(Error::Target(format!(
        "the old server has not heard that {last} has joined: look whether the target reaches it, and import again"
    )))
}

/// Has an old account invite somebody, unless that is done, after the last one who joined.
pub(super) async fn invite(
    import: &Import,
    room: &RoomId,
    (guest, last): (&UserId, Option<&UserId>),
    hosts: &[OwnedUserId],
) -> Result<()> {
    let Some(old) = &import.old_accounts else {
        return Err(Error::Target(
            "nobody can act as an old account here".to_owned(),
        ));
    };
    let mut failure = None;
    for host in hosts {
        import.job.turn().await?;
        // An answer may have been lost; a second invite would be a second event.
        match old.membership(host, room, guest).await {
            Ok(Some(membership)) if membership == "invite" || membership == "join" => return Ok(()),
            Ok(_) => quiet(import, room, host, last).await?,
            Err(error) if is_of_this_alone(&error) => {
                failure = Some(error);
                continue;
            }
            Err(error) => return Err(error),
        }
        let Err(error) = old.invite(host, room, guest).await else {
            return Ok(());
        };
        if !is_of_this_alone(&error) {
            return Err(error);
        }
        let there = old.membership(host, room, guest).await;
        if matches!(there, Ok(Some(membership)) if membership == "invite" || membership == "join") {
            return Ok(());
        }
        failure = Some(error);
    }
    Err(failure.unwrap_or_else(|| Error::Target("nobody could invite them".to_owned())))
}

/// Asks the servers, some at a time, then by alias. Somebody whose invite is still on its way is put off `patience` times.
async fn attempts(import: &Import, guest: Guest<'_>, patience: u32) -> Result<()> {
    let by_alias = guest.way.aliases.iter().map(ToString::to_string);
    let first = guest
        .way
        .via
        .chunks(AT_ONCE)
        .map(|via| (guest.room.to_string(), via));
    let all = first.chain(by_alias.map(|alias| {
        (
            alias,
            guest.way.via.get(..AT_ONCE).unwrap_or(&guest.way.via),
        )
    }));
    let mut last = Error::Target("there is no server to be asked".to_owned());
    for (place, via) in all {
        let via: Vec<&ServerName> = via.iter().map(|name| &**name).collect();
        let mut left = patience;
        loop {
            import.job.turn().await?;
            // Into a room that the target is in, nobody brings but themselves.
            let state = guest.keys.iter().filter(|_| guest.witness.is_none());
            let state = state.map(|(kind, key)| (&**kind, &**key));
            let brought = state.chain([(MEMBER, guest.new.as_str())]);
            let bringing = import.state_keys.bring(brought).await;
            let joined = import.target.join_through(guest.new, &place, &via).await;
            let Err(error) = joined else {
                bringing.met();
                return Ok(());
            };
            if !is_of_this_alone(&error) {
                // What becomes of it is unknown until it was looked at.
                if matches!(error, Error::Unreachable { .. }) && is_in(import, guest).await? {
                    return Ok(());
                }
                return Err(error);
            }
            if is_lost(&error) && came_in(import, guest).await? {
                bringing.met();
                return Ok(());
            }
            drop(bringing);
            left -= 1;
            let is_early = is_forbidden(&error) && left > 0;
            last = error;
            if !is_early {
                break;
            }
            tokio::time::sleep(PAUSE).await;
        }
        if is_forbidden(&last) {
            break;
        }
    }
    Err(last)
}

/// After a join whose answer was lost: it may still be under way.
async fn came_in(import: &Import, guest: Guest<'_>) -> Result<bool> {
    for _ in 0..LOOKS {
        import.job.turn().await?;
        if is_in(import, guest).await? {
            return Ok(true);
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(false)
}

async fn is_in(import: &Import, guest: Guest<'_>) -> Result<bool> {
    let rooms = import.target.joined_rooms(guest.new).await?;
    Ok(rooms.iter().any(|room| room == guest.room))
}

fn is_forbidden(error: &Error) -> bool {
    matches!(error, Error::Answer { errcode, .. } if errcode == "M_FORBIDDEN")
}

/// Nobody has said what became of it: it took too long, or something between has answered.
fn is_lost(error: &Error) -> bool {
    match error {
        Error::Slow { .. } | Error::Malformed { .. } => true,
        Error::Answer { status, .. } => *status >= 500,
        _ => false,
    }
}

/// Whether a failure says nothing about others.
pub(super) fn is_of_this_alone(error: &Error) -> bool {
    matches!(
        error,
        Error::Answer { .. } | Error::Target(_) | Error::Slow { .. } | Error::Malformed { .. }
    )
}
