//! Which stages of an import are done, and whether what they rest on is there.

use super::plan::{Plan, RoomAction, UserAction};
use crate::{
    Error, Result,
    ledger::{Ledger, Step},
    model::stage::{Stage, Stages},
};

/// What no import of this bundle has carried so far by choice, with one that leaves `now` out.
pub fn left_so_far(ledger: &Ledger, now: Stages) -> Result<Stages> {
    Ok(match ledger.left_out()? {
        Some(before) => before.in_both(now),
        // Whoever began without a choice has begun with everything.
        None if ledger.has_any(Step::Account)? => Stages::NONE,
        None => now,
    })
}

/// An error if a stage that is to be done rests on one that is left out and was not done before: it would fail at each thing
/// for the same reason.
pub fn needed(plan: &Plan, ledger: &Ledger) -> Result<()> {
    for stage in plan.stages().iter() {
        for needed in stage.rests_on().in_both(plan.left_out).iter() {
            let (missing, all) = missing(plan, ledger, needed)?;
            if missing > 0 {
                return Err(Error::Usage(format!(
                    "{} can't be carried before {}, and {missing} of {all} of these have not been: take {1} in, or import them first",
                    stage.name(),
                    needed.name()
                )));
            }
        }
    }
    Ok(())
}

/// How many things of a stage were never tried to their end, of how many. One that was and has failed is told with it, as in
/// an import of everything.
fn missing(plan: &Plan, ledger: &Ledger, stage: Stage) -> Result<(u64, u64)> {
    let (step, subjects): (_, Vec<&str>) = match stage {
        Stage::Accounts => (
            Step::Account,
            plan.users
                .iter()
                .filter(|user| !matches!(user.action, UserAction::Skip { .. }))
                .map(|user| user.user_id.as_str())
                .collect(),
        ),
        Stage::NamesAndPictures => (Step::Profile, with_account(plan, ledger)?),
        Stage::Identities => (Step::Identity, with_account(plan, ledger)?),
        Stage::Rooms => (
            Step::Settle,
            plan.rooms
                .iter()
                .filter(|room| !matches!(room.action, RoomAction::Skip { .. }))
                .map(|room| room.room_id.as_str())
                .collect(),
        ),
        _ => return Ok((0, 0)),
    };
    let mut missing = 0;
    for subject in &subjects {
        let entry = ledger.entry(step, *subject)?;
        missing += u64::from(entry.is_none_or(|entry| entry.outcome == "begun"));
    }
    Ok((missing, subjects.len() as u64))
}

/// Those without an account have nothing else, either.
fn with_account<'a>(plan: &'a Plan, ledger: &Ledger) -> Result<Vec<&'a str>> {
    let mut there = Vec::new();
    for user in &plan.users {
        if user.action == UserAction::Carry && ledger.is_done(Step::Account, &user.user_id)? {
            there.push(user.user_id.as_str());
        }
    }
    Ok(there)
}
