//! What belongs to each user alone: fields of the profile, account data with tags, push rules, receipts. Set after the
//! rooms, for most of it speaks of them.

mod account_data;
mod backfilled;
mod fields;
mod new_rooms;
pub mod outcome;
mod push_rules;
mod receipts;
mod refused;
pub mod verify;

use std::collections::BTreeSet;

use ruma::{OwnedRoomId, RoomId, UserId};

use super::{
    context::{Each, Import},
    encryption::{self, Secrets},
    federation,
    local::anew::Anew,
    plan::{Mode, Plan, RoomAction, UserAction},
};
use crate::{
    Error, Result,
    bundle::{Bundle, OfUser},
    job::Phase,
    ledger::{Entry, Outcome, Step},
    model::{account_data::AccountData, push_rules::PushRules, user::User},
};
use receipts::{Place, Read};
use refused::Refused;

/// Before the rooms that somebody's receipts wait for, or in which they were refused, in the ledger.
const WAITS: &str = "rooms that are left: ";

/// In the ledger, of somebody whose identity is not settled.
const NO_SECRETS: &str = "all but the secrets of their encryption";

/// Users whose data are set at once.
const IN_FLIGHT: usize = 8;

/// The rooms that somebody's receipts wait for, by their entry.
pub(super) fn waits_for(entry: &Entry) -> impl Iterator<Item = &str> {
    let rooms = entry.detail.strip_prefix(WAITS).unwrap_or_default();
    rooms.split(' ').filter(|room| !room.is_empty())
}

/// The entry of somebody who has read in these rooms since, with those that were left before.
pub(super) fn left_to_read(entry: &Entry, rooms: &BTreeSet<OwnedRoomId>) -> String {
    let mut all: BTreeSet<&str> = waits_for(entry).collect();
    all.extend(rooms.iter().map(|room| room.as_str()));
    let all: Vec<_> = all.into_iter().collect();
    format!("{WAITS}{}", all.join(" "))
}

/// Rooms in which somebody has read further, by two bundles; what could not be exported of somebody is told with the export.
pub(super) fn read_since(old: &Bundle, new: &Bundle, user: &UserId) -> BTreeSet<OwnedRoomId> {
    let (Ok(before), Ok(now)) = (Theirs::of(old, user), Theirs::of(new, user)) else {
        return BTreeSet::new();
    };
    let (before, now) = (before.read, now.read);
    let is_other = |room: &OwnedRoomId| {
        before.markers.get(room) != now.markers.get(room)
            || before.receipts.get(room) != now.receipts.get(room)
    };
    let rooms = now.markers.keys().chain(now.receipts.keys());
    rooms.filter(|room| is_other(room)).cloned().collect()
}

/// Rooms in which somebody keeps for themself how far they have read.
pub(super) fn read_privately(bundle: &Bundle, user: &UserId) -> BTreeSet<OwnedRoomId> {
    let Ok(data) = Theirs::of(bundle, user) else {
        return BTreeSet::new();
    };
    let receipts = data.read.receipts.into_iter();
    receipts
        .filter(|(_, receipts)| receipts::any_private(receipts))
        .map(|(room, _)| room)
        .collect()
}

/// One user's part of a bundle.
struct Theirs {
    account_data: AccountData,
    push_rules: PushRules,
    read: Read,
}

impl Theirs {
    /// By the ID that somebody has on the target, and with the IDs that others have there.
    fn on_target(
        bundle: &Bundle,
        plan: &Plan,
        user: &UserId,
        comes: &impl Fn(&UserId) -> bool,
    ) -> Result<Self> {
        let mut theirs = Self::of(bundle, &plan.ids.old_id(user))?;
        if plan.mode == Mode::Federation {
            // The target may never have heard of the events that were read.
            theirs.read = Read::default();
            let (data, rules) = (&mut theirs.account_data, &mut theirs.push_rules);
            federation::user_data::moved(data, rules, &plan.ids, comes)?;
        }
        Ok(theirs)
    }

    fn of(bundle: &Bundle, user: &UserId) -> Result<Self> {
        let account_data: AccountData = bundle.of_user(OfUser::AccountData, user)?;
        Ok(Self {
            read: Read {
                receipts: bundle.of_user(OfUser::Receipts, user)?,
                markers: account_data::fully_read(&account_data),
            },
            push_rules: bundle.of_user(OfUser::PushRules, user)?,
            account_data,
        })
    }
}

/// Sets what differs, for every user whose account is there.
pub async fn run(import: &Import) -> Result<()> {
    let users: Vec<_> = import
        .plan
        .users
        .iter()
        .filter(|user| user.action == UserAction::Carry)
        .filter(|user| import.is_about(|things| things.has_reader(&user.user_id)))
        .filter_map(|user| import.users.get(&user.user_id))
        .cloned()
        .collect();
    let each = Each {
        phase: Phase::UserData,
        name: "settings",
        step: Step::UserData,
        total: users.len(),
        events: None,
        in_flight: IN_FLIGHT,
    };
    let anew = &Anew::of(&import.plan, &import.ledger)?;
    let work = users.into_iter().map(|user| {
        let subject = user.user_id.to_string();
        (subject, async move { one(import, &user, anew).await })
    });
    import.each(each, work).await
}

async fn one(import: &Import, user: &User, anew: &Anew) -> Result<()> {
    import.job.turn().await?;
    let (ledger, id) = (&import.ledger, &user.user_id);
    let is_done = |step| import.is_done(step, id, |things| things.has_user(id));
    if !ledger.is_done(Step::Account, id)? {
        return Ok(());
    }
    let (is_read, is_set) = (is_done(Step::Receipts)?, is_done(Step::UserData)?);
    if is_read && is_set {
        return Ok(());
    }
    let comes = |user: &UserId| import.can_act(user);
    let data = || Theirs::on_target(&import.bundle, &import.plan, id, &comes);
    let mut data = tokio::task::block_in_place(data)?;
    let unmade = data.unmade(anew);
    data.in_new_rooms(anew)?;
    // Receipts first: of people whom somebody ignores, the target shows them nothing.
    read(import, id, &mut data.read).await?;
    if !import.is_about_user(id) {
        // Of them, it is only about what waits for a room.
        return Ok(());
    }
    settings(import, user, data).await?;
    match unmade {
        // Then they are set once more, with its new ID.
        Some(room) => Err(Error::Target(format!(
            "they name {room}, which is not there yet: import again once it is"
        ))),
        None => Ok(()),
    }
}

/// What a user has read. Once it is set, it is not set again: they go on reading.
async fn read(import: &Import, user: &UserId, read: &mut Read) -> Result<()> {
    let ledger = &import.ledger;
    let entry = ledger.entry(Step::Receipts, user)?;
    if entry.as_ref().is_some_and(Entry::is_done) {
        return Ok(());
    }
    let mut left: BTreeSet<_> = entry.as_ref().into_iter().flat_map(waits_for).collect();
    let mut later = BTreeSet::new();
    let is_reader = !import.is_about_user(user);
    if is_reader {
        (left, later) = left.into_iter().partition(|room| is_about(import, room));
    }
    if is_reader || !left.is_empty() {
        read.receipts.retain(|room, _| left.contains(room.as_str()));
        read.markers.retain(|room, _| left.contains(room.as_str()));
    }
    let place = Place {
        target: &import.target,
        abilities: &import.plan.target,
        old_server: import.old_server.as_ref(),
    };
    let mut refused = Refused::default();
    let rooms = receipts::set(place, user, read, &mut refused).await?;
    match refused.text() {
        Some(text) => import.problem("receipts", user, &text)?,
        None if later.is_empty() => ledger.solved("receipts", user)?,
        None => {}
    }
    let mut waits = waits(import, read)?;
    waits.extend(later.into_iter().map(str::to_owned));
    // Only there is it tried again: elsewhere they go on reading.
    waits.extend(rooms);
    let outcome = if waits.is_empty() {
        Outcome::Done("set")
    } else {
        // The rooms' failures are told; with them, the next import tries again what was read there.
        let waits: Vec<_> = waits.into_iter().collect();
        Outcome::Failed(format!("{WAITS}{}", waits.join(" ")))
    };
    ledger.record(Step::Receipts, user, &outcome)
}

/// The rest. Once it is set, it is not set again: they may have changed it since.
async fn settings(import: &Import, user: &User, data: Theirs) -> Result<()> {
    let (ledger, target, id) = (&import.ledger, &import.target, &user.user_id);
    let entry = ledger.entry(Step::UserData, id)?;
    if entry.as_ref().is_some_and(Entry::is_done) {
        return Ok(());
    }
    let secrets = if import.plan.mode == Mode::Federation {
        Secrets::LeftOut
    } else {
        encryption::secrets(import, id)?
    };
    let (abilities, mut account_data) = (&import.plan.target, data.account_data);
    let taken = account_data.take_secrets();
    let mut refused = Refused::default();
    let before = entry.map(|entry| entry.detail).unwrap_or_default();
    // What was refused gets another chance; what is there may be their own by now.
    let again = before.starts_with(refused::START);
    let is_due = |kind: &str| !again || before.contains(kind) || before.contains(refused::MORE);
    if before != NO_SECRETS {
        if is_due(fields::KIND) {
            fields::set(target, id, &user.profile, &mut refused).await?;
        }
        account_data::set(target, abilities, (id, !again), &account_data, &mut refused).await?;
        if is_due(push_rules::KIND) {
            push_rules::set(target, id, &data.push_rules, &mut refused).await?;
        }
    }
    if secrets == Secrets::Carried {
        account_data::set(target, abilities, (id, !again), &taken, &mut refused).await?;
    }
    if let Some(text) = refused.text() {
        return Err(Error::Target(text));
    }
    let outcome = match secrets {
        // The identity's failure is told; with it, the next import tries again.
        Secrets::Unknown => Outcome::Failed(NO_SECRETS.to_owned()),
        Secrets::Carried | Secrets::LeftOut => Outcome::Done("set"),
    };
    ledger.record(Step::UserData, id, &outcome)
}

fn is_about(import: &Import, room: &str) -> bool {
    <&RoomId>::try_from(room).is_ok_and(|room| import.is_about_room(room))
}

/// Rooms that the user has read in and that an import should have carried, but has not yet.
fn waits(import: &Import, read: &Read) -> Result<BTreeSet<String>> {
    let mut waits = BTreeSet::new();
    for room in &import.plan.rooms {
        let is_read =
            read.receipts.contains_key(&room.room_id) || read.markers.contains_key(&room.room_id);
        if is_read
            && matches!(room.action, RoomAction::Carry { .. })
            && !import.ledger.is_done(Step::Settle, &room.room_id)?
        {
            waits.insert(room.room_id.to_string());
        }
    }
    Ok(waits)
}
