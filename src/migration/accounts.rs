//! Accounts: made with a random password, adopted where they exist, or reserved where they are closed.

pub mod addresses;
pub mod admins;

use super::{
    context::{Each, Import},
    late::AFTER_THE_ROOMS,
    plan::{UserAction, UserPlan},
};
use crate::{
    Error, Result,
    job::Phase,
    ledger::{Entry, Outcome, Step},
    secret::{SecretString, random_token},
};
use ruma::UserId;

/// Registrations under way at once.
const IN_FLIGHT: usize = 8;

/// How an account came to be, as the ledger keeps it.
pub mod how {
    /// Made by us.
    pub const CREATED: &str = "created";
    /// Was there before us: its password stays.
    pub const ADOPTED: &str = "adopted";
    /// Made and closed.
    pub const RESERVED: &str = "reserved";
}

/// Sees to every account of the plan. One user's failure is that user's problem.
pub async fn run(import: &Import) -> Result<()> {
    let users: Vec<_> = import
        .plan
        .users
        .iter()
        .filter(|user| !matches!(user.action, UserAction::Skip { .. }))
        .filter(|user| import.is_about_user(&user.user_id))
        .cloned()
        .collect();
    for user in &users {
        if import.names(|things| things.has_user(&user.user_id)) {
            lost(import, &user.user_id).await?;
        }
    }
    let each = Each {
        phase: Phase::Accounts,
        name: "account",
        step: Step::Account,
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

/// Of whoever is named, an account that the target has lost is made again; one that is there stays as it is.
async fn lost(import: &Import, user: &UserId) -> Result<()> {
    let ledger = &import.ledger;
    if ledger.is_done(Step::Account, user)? && !import.target.has_account(user).await? {
        ledger.forget(Step::Account, user)?;
    }
    Ok(())
}

async fn one(import: &Import, user: &UserPlan) -> Result<()> {
    import.job.turn().await?;
    let (ledger, id) = (&import.ledger, &user.user_id);
    let entry = ledger.entry(Step::Account, id)?;
    if entry.as_ref().is_some_and(Entry::is_done) {
        return Ok(());
    }
    if entry
        .as_ref()
        .is_some_and(|entry| entry.detail == AFTER_THE_ROOMS)
    {
        return Ok(());
    }
    let begun = entry.is_some_and(|entry| entry.outcome == "begun");
    // An account that is there although no attempt of ours was begun is somebody's own.
    if !begun && import.target.has_account(id).await? {
        if let UserAction::Reserve { reason } = &user.action {
            // Such as the import of an earlier bundle left it.
            if import.target.is_closed(id).await? {
                return ledger.record(Step::Account, id, &Outcome::Done(how::RESERVED));
            }
            return Err(Error::Target(format!(
                "it is {reason}, but there is an open account of this name on the target: close that one there, or open it on Synapse and export again"
            )));
        }
        return ledger.record(Step::Account, id, &Outcome::Done(how::ADOPTED));
    }
    ledger.record(Step::Account, id, &Outcome::Begun)?;
    let outcome = if matches!(user.action, UserAction::Reserve { .. }) {
        reserve(import, user).await?;
        how::RESERVED
    } else {
        let password = password(import, id)?;
        import.target.register(id, Some(&password)).await?;
        how::CREATED
    };
    ledger.record(Step::Account, id, &Outcome::Done(outcome))
}

/// Nobody is ever given the password of an application service's user, and so nobody takes it over; but it must have one,
/// for Tuwunel takes an account without for deactivated.
fn password(import: &Import, user: &UserId) -> Result<SecretString> {
    let is_puppet = import
        .users
        .get(user)
        .is_some_and(|user| user.appservice_id.is_some());
    if is_puppet || import.passwords_for_nobody {
        return Ok(random_token());
    }
    import.passwords.of(user)
}

/// Tuwunel takes an account without a password for deactivated; anything else is asked to deactivate it.
async fn reserve(import: &Import, user: &UserPlan) -> Result<()> {
    import.target.register(&user.user_id, None).await?;
    if import.plan.target.replay {
        return Ok(());
    }
    // Also where the account exists: an earlier run may have been stopped between the two requests.
    import.target.deactivate(&user.user_id).await
}
