//! What belongs to each user alone: fields of the profile, account data with tags, push rules, receipts. Set after the
//! rooms, for most of it speaks of them.

mod account_data;
mod fields;
pub mod outcome;
mod push_rules;
mod receipts;
mod refused;
pub mod verify;

use ruma::UserId;

use super::{
    context::{Each, Import},
    encryption,
    plan::{RoomAction, UserAction},
};
use crate::{
    Result,
    bundle::{Bundle, OfUser},
    job::Phase,
    ledger::{Outcome, Step},
    model::{account_data::AccountData, push_rules::PushRules, user::User},
};
use receipts::{Place, Read};
use refused::Refused;

/// Users whose data are set at once.
const IN_FLIGHT: usize = 8;

/// One user's part of a bundle.
struct Theirs {
    account_data: AccountData,
    push_rules: PushRules,
    read: Read,
}

impl Theirs {
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
    let work = users.into_iter().map(|user| {
        let subject = user.user_id.to_string();
        (subject, async move { one(import, &user).await })
    });
    import.each(each, work).await
}

async fn one(import: &Import, user: &User) -> Result<()> {
    import.job.check()?;
    let (ledger, target, id) = (&import.ledger, &import.target, &user.user_id);
    if ledger.is_done(Step::UserData, id)? || !ledger.is_done(Step::Account, id)? {
        return Ok(());
    }
    let mut data = tokio::task::block_in_place(|| Theirs::of(&import.bundle, id))?;
    if encryption::has_another(import, id)? {
        data.account_data.without_secrets();
    }
    let abilities = &import.plan.target;
    let mut refused = Refused::default();
    fields::set(target, id, &user.profile, &mut refused).await?;
    let place = Place {
        target,
        abilities,
        old_server: import.old_server.as_ref(),
    };
    receipts::set(place, id, &data.read, &mut refused).await?;
    account_data::set(target, abilities, id, &data.account_data, &mut refused).await?;
    push_rules::set(target, id, &data.push_rules, &mut refused).await?;
    refused.end()?;
    if waits(import, &data.read)? {
        // The room's failure is told; with it, the next import tries again what was read there.
        return Ok(());
    }
    ledger.record(Step::UserData, id, &Outcome::Done("set"))
}

/// Whether an import should have carried a room that the user has read in, but has not yet.
fn waits(import: &Import, read: &Read) -> Result<bool> {
    for room in &import.plan.rooms {
        let is_read =
            read.receipts.contains_key(&room.room_id) || read.markers.contains_key(&room.room_id);
        if is_read
            && matches!(room.action, RoomAction::Carry { .. })
            && !import.ledger.is_done(Step::Settle, &room.room_id)?
        {
            return Ok(true);
        }
    }
    Ok(false)
}
