//! Each user's public cross-signing keys, uploaded in their name.

use ruma::{OwnedUserId, UserId};

use super::{
    how,
    same::{self, There},
};
use crate::{
    Error, Result,
    bundle::OfUser,
    job::Phase,
    ledger::{Outcome, Step},
    migration::{
        context::{Each, Import},
        plan::UserAction,
    },
    model::cross_signing::CrossSigning,
};

/// Users at once.
const IN_FLIGHT: usize = 8;

/// Uploads what each open account has; a failure is that user's problem.
pub async fn run(import: &Import) -> Result<()> {
    let users = carried(import);
    let each = Each {
        phase: Phase::Identities,
        name: "encryption identity",
        step: Step::Identity,
        total: users.len(),
        events: None,
        in_flight: IN_FLIGHT,
    };
    let work = users.into_iter().map(|user| {
        let subject = user.to_string();
        (subject, async move { one(import, &user).await })
    });
    import.each(each, work).await
}

/// Users whose accounts are carried over open.
pub(super) fn carried(import: &Import) -> Vec<OwnedUserId> {
    let users = import.plan.users.iter();
    users
        .filter(|user| user.action == UserAction::Carry)
        .map(|user| user.user_id.clone())
        .collect()
}

async fn one(import: &Import, user: &UserId) -> Result<()> {
    import.job.check()?;
    let ledger = &import.ledger;
    if ledger.is_done(Step::Identity, user)? || !ledger.is_done(Step::Account, user)? {
        return Ok(());
    }
    let keys: CrossSigning = import.bundle.of_user(OfUser::CrossSigning, user)?;
    let outcome = match same::whole(&keys) {
        None => how::NONE,
        Some(keys) => {
            let there = || import.target.cross_signing(user, [user]);
            match same::identity(user, keys, &there().await?) {
                There::Same => how::CARRIED,
                There::Other => how::THEIRS,
                There::Nothing => {
                    import.target.upload_cross_signing(user, keys).await?;
                    if same::identity(user, keys, &there().await?) != There::Same {
                        return Err(Error::Target(
                            "the target took the cross-signing keys, but shows others: look at its log".to_owned(),
                        ));
                    }
                    how::CARRIED
                }
            }
        }
    };
    ledger.record(Step::Identity, user, &Outcome::Done(outcome))
}
