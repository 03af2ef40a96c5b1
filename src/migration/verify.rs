//! The target compared with the bundle, from reading the target alone. The ledger is told which files are not as it says, so
//! that the next import fetches them again, and which ones were read whole and found equal. That is the one thing that it
//! decides: a file never changes, so these are not read again, unless that is asked for.

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt, stream};
use ruma::{OwnedUserId, UserId};

use super::{
    by_key, compare, encryption, federation, listings,
    local::{anew::Anew, verify::Known},
    media, mend, old_keys,
    outcome::{Comparison, RoomVerification, Verification},
    pending,
    plan::{Mode, Plan, RoomAction, RoomPlan, UserAction},
    planner, read_back, user_data,
};
use crate::{
    Error, Result,
    bundle::Bundle,
    job::{Event, Job, Phase},
    ledger::Ledger,
    model::{stage::Stage, user::User},
    target::{Target, profile::Profile},
};

/// Users or rooms read at once.
const IN_FLIGHT: usize = 8;

/// Compares users, aliases, every room of a plan and the media: if `is_deep`, also files that were read whole before and
/// found equal, and each piece of a room's state by its type and state key. Its time is filled in by the caller.
pub async fn run(
    target: &Target,
    bundle: &Bundle,
    plan: &Plan,
    ledger: &Ledger,
    job: &Job,
    is_deep: bool,
) -> Result<Verification> {
    let is_wanted = |stage| plan.stages().has(stage);
    let anew = Anew::of(plan, ledger)?;
    let encryption = if plan.mode == Mode::Federation {
        // An identity is bound to the old ID.
        encryption::verify::Compared::default()
    } else {
        encryption::verify::run(target, bundle, plan, job).await?
    };
    let mut verification = Verification {
        target: plan.target.software.clone(),
        bundle: plan.bundle.clone(),
        identities: encryption.identities,
        room_keys: encryption.room_keys,
        left_out: plan.left_out,
        ..Verification::default()
    };
    if is_wanted(Stage::Accounts) {
        verification.users = users(target, bundle, plan, job).await?;
    }
    if is_wanted(Stage::Aliases) {
        verification.aliases = aliases(target, bundle, plan, &anew).await?;
    }
    if is_wanted(Stage::Rooms) {
        // The target learns the keys with its first join.
        let is_carried = |room: &RoomPlan| matches!(room.action, RoomAction::Carry { .. });
        if plan.target.replay && plan.rooms.iter().any(is_carried) {
            verification.keys = old_keys::compare(target, bundle).await?;
        }
        let known = Known::of(bundle, plan, anew.clone())?;
        verification.rooms = rooms((target, bundle), plan, job, &known, is_deep).await?;
    }
    if is_wanted(Stage::RoomDirectory) {
        verification.listings = listings::compare(target, bundle, plan, &anew).await?;
    }
    if is_wanted(Stage::Settings) {
        let others = &encryption.others;
        let known = (others, &anew);
        verification.user_data = user_data::verify::run(target, bundle, plan, job, known).await?;
    }
    if is_wanted(Stage::Media) {
        let media = media::compare::run(target, bundle, plan, (ledger, is_deep), job).await?;
        (verification.media, verification.media_read_before) = media;
    }
    Ok(verification)
}

async fn users(target: &Target, bundle: &Bundle, plan: &Plan, job: &Job) -> Result<Comparison> {
    let known: BTreeMap<OwnedUserId, User> = bundle
        .users()?
        .into_iter()
        .map(|user| plan.ids.user(user))
        .map(|user| (user.user_id.clone(), user))
        .collect();
    let wanted: Vec<_> = plan
        .users
        .iter()
        .filter(|user| !matches!(user.action, UserAction::Skip { .. }))
        .cloned()
        .collect();
    job.emit(Event::Phase {
        phase: Phase::VerifyUsers,
        total: wanted.len() as u64,
    });
    let mut comparison = Comparison {
        expected: wanted.len() as u64,
        ..Comparison::default()
    };
    let known = &known;
    let has_names = !plan.left_out.has(Stage::NamesAndPictures);
    let mut checked = stream::iter(wanted)
        .map(|plan| async move {
            job.turn().await?;
            user(
                target,
                &plan.action,
                &plan.user_id,
                known.get(&plan.user_id).filter(|_| has_names),
            )
            .await
        })
        .buffered(IN_FLIGHT);
    let mut done = 0;
    while let Some(difference) = checked.next().await {
        match difference? {
            None => comparison.equal += 1,
            Some(difference) => comparison.differences.push(difference),
        }
        done += 1;
        job.emit(Event::Done {
            phase: Phase::VerifyUsers,
            done,
        });
    }
    Ok(comparison)
}

/// What is wrong with a user, if anything.
async fn user(
    target: &Target,
    action: &UserAction,
    id: &UserId,
    source: Option<&User>,
) -> Result<Option<String>> {
    if !target.has_account(id).await? {
        return Ok(Some(format!("{id} has no account")));
    }
    if matches!(action, UserAction::Reserve { .. }) && target.is_open(id).await? {
        return Ok(Some(format!(
            "{id} is closed on Synapse, but open on the target"
        )));
    }
    let Some(source) = source.filter(|_| *action == UserAction::Carry) else {
        return Ok(None);
    };
    let want = Profile {
        displayname: source.displayname.clone(),
        avatar_url: source.avatar_url.clone(),
    }
    .normal();
    let have = target.profile(id).await?.unwrap_or_default();
    let shown = |text: Option<String>| text.unwrap_or_else(|| "nothing".to_owned());
    if want.displayname != have.displayname {
        return Ok(Some(format!(
            "{id} has the display name {} instead of {}",
            shown(have.displayname),
            shown(want.displayname)
        )));
    }
    if want.avatar_url != have.avatar_url {
        return Ok(Some(format!(
            "{id} has the picture {} instead of {}",
            shown(have.avatar_url),
            shown(want.avatar_url)
        )));
    }
    Ok(None)
}

async fn aliases(target: &Target, bundle: &Bundle, plan: &Plan, anew: &Anew) -> Result<Comparison> {
    let carried: BTreeSet<_> = plan
        .rooms
        .iter()
        .filter(|room| room.action.maker().is_some())
        .map(|room| &room.room_id)
        .collect();
    let aliases = bundle.aliases()?;
    let mut comparison = Comparison {
        expected: aliases.len() as u64,
        ..Comparison::default()
    };
    for (alias, room) in &aliases {
        match target.resolve(alias).await? {
            Some(there) if anew.id(room).is_some_and(|id| there == id) => comparison.equal += 1,
            _ if !carried.contains(room) => comparison
                .known
                .push(format!("{alias}: its room {room} is not carried over")),
            Some(other) => comparison
                .differences
                .push(format!("{alias} names {other} instead of {room}")),
            None => comparison.differences.push(format!("{alias} is missing")),
        }
    }
    Ok(comparison)
}

async fn rooms(
    servers: (&Target, &Bundle),
    plan: &Plan,
    job: &Job,
    known: &Known,
    is_deep: bool,
) -> Result<Vec<RoomVerification>> {
    job.emit(Event::Phase {
        phase: Phase::VerifyRooms,
        total: plan.rooms.len() as u64,
    });
    let able = planner::able_users(&plan.users);
    let able = &able;
    let mut compared = stream::iter(plan.rooms.clone())
        .map(|room| async move {
            job.turn().await?;
            match one(servers, (plan, &room), able, known, is_deep).await {
                Err(
                    error @ (Error::Unreachable { .. } | Error::Refused { .. } | Error::Stopped),
                ) => Err(error),
                Err(error) => Ok(unreadable(&room, &error)),
                Ok(room) => Ok(room),
            }
        })
        .buffered(IN_FLIGHT);
    let mut rooms = Vec::with_capacity(plan.rooms.len());
    while let Some(room) = compared.next().await {
        rooms.push(room?);
        job.emit(Event::Done {
            phase: Phase::VerifyRooms,
            done: rooms.len() as u64,
        });
    }
    Ok(rooms)
}

async fn one(
    (target, bundle): (&Target, &Bundle),
    (whole, plan): (&Plan, &RoomPlan),
    able: &BTreeSet<OwnedUserId>,
    known: &Known,
    is_deep: bool,
) -> Result<RoomVerification> {
    let joiner = match &plan.action {
        RoomAction::Carry { joiner, .. } => joiner,
        RoomAction::Pending { waiting } => {
            return pending::verify::room(target, bundle, plan, waiting, blank(plan)).await;
        }
        RoomAction::Recreate(how) => {
            let servers = (target, bundle);
            let blank = blank(plan);
            return known
                .compare(servers, (plan, how), able, blank, is_deep)
                .await;
        }
        RoomAction::Join(_) => {
            let servers = (target, bundle);
            let blank = blank(plan);
            return federation::verify::room(servers, (whole, plan), able, blank, is_deep).await;
        }
        RoomAction::Unreadable { reason } => {
            return Ok(unreadable(plan, &Error::Target(reason.clone())));
        }
        RoomAction::Skip { reason } => {
            return Ok(RoomVerification {
                skipped: Some(reason.clone()),
                ..blank(plan)
            });
        }
    };
    let expected =
        tokio::task::block_in_place(|| read_back::expected(bundle, plan, whole.target.replay))?;
    let readers = mend::readers(&expected, joiner, |user| able.contains(user));
    let found = read_back::found(target, &plan.room_id, &readers, &expected).await?;
    let mut compared = compare::room(plan, joiner, &expected, &found);
    if let Some(reader) = readers.first().filter(|_| is_deep) {
        let pairs = found.state.into_iter();
        let pairs = pairs.map(|event| (event.kind, event.state_key));
        compared.by_key = by_key::compare(target, reader, &plan.room_id, pairs).await?;
    }
    Ok(compared)
}

fn blank(plan: &RoomPlan) -> RoomVerification {
    RoomVerification {
        room_id: plan.room_id.clone(),
        name: plan.name.clone(),
        version: plan.version.as_ref().map(ToString::to_string),
        skipped: None,
        members: Comparison::default(),
        state: Comparison::default(),
        by_key: Comparison::default(),
        timeline: Comparison::default(),
        added: 0,
        same_order: None,
    }
}

/// A room that can't be read on the target has nothing of what it should have.
fn unreadable(plan: &RoomPlan, error: &Error) -> RoomVerification {
    let mut room = blank(plan);
    room.members.expected = plan.members;
    room.timeline.expected = plan.events;
    room.members
        .differences
        .push(format!("the room can't be read: {error}"));
    room
}
