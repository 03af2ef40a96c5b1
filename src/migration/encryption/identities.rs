//! Each user's public cross-signing keys, uploaded in their name.

use ruma::{OwnedUserId, UserId};
use serde_json::value::RawValue;

use super::{
    how,
    same::{self, There},
    versions::Versions,
};
use crate::{
    Error, Result,
    bundle::{Bundle, OfUser},
    job::Phase,
    ledger::{Outcome, Step},
    migration::{
        context::{Each, Import},
        plan::UserAction,
    },
    model::{account_data::AccountData, cross_signing::CrossSigning},
    target::Target,
};

/// Account data that names the key of the secret storage.
const DEFAULT_KEY: &str = "m.secret_storage.default_key";

/// Users at once.
const IN_FLIGHT: usize = 8;

/// Uploads what each open account has; a failure is that user's problem.
pub(super) async fn run(import: &Import, versions: &Versions) -> Result<()> {
    let users = carried(import, |user| import.is_about_user(user));
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
        (subject, async move { one(import, &user, versions).await })
    });
    import.each(each, work).await
}

/// Users whose accounts are carried over open, if they are among those that are meant.
pub(super) fn carried(import: &Import, is_meant: impl Fn(&UserId) -> bool) -> Vec<OwnedUserId> {
    let users = import.plan.users.iter();
    users
        .filter(|user| user.action == UserAction::Carry && is_meant(&user.user_id))
        .map(|user| user.user_id.clone())
        .collect()
}

async fn one(import: &Import, user: &UserId, versions: &Versions) -> Result<()> {
    import.job.turn().await?;
    let ledger = &import.ledger;
    if !ledger.is_done(Step::Account, user)?
        || import.is_done(Step::Identity, user, |things| things.has_user(user))?
    {
        return Ok(());
    }
    let keys: CrossSigning = import.bundle.of_user(OfUser::CrossSigning, user)?;
    let seen = import.target.cross_signing(user, [user]).await?;
    let wanted = same::whole(&keys);
    let there = match wanted {
        Some(wanted) => same::identity(user, wanted, &seen),
        None if seen.master_keys.contains_key(user) => There::Other,
        None => There::Nothing,
    };
    // Identity, backup and secrets are worth something only together: who has one of them has all.
    let outcome = if there == There::Other
        || has_own(&import.target, &import.bundle, user, versions).await?
    {
        how::THEIRS
    } else if let Some(wanted) = wanted {
        upload(import, user, wanted, there).await?;
        how::CARRIED
    } else {
        how::NONE
    };
    ledger.record(Step::Identity, user, &Outcome::Done(outcome))
}

/// Whether a user has a key backup or a secret storage on the target that the bundle does not know.
pub(super) async fn has_own(
    target: &Target,
    bundle: &Bundle,
    user: &UserId,
    versions: &Versions,
) -> Result<bool> {
    let newest = target.backup(user).await?;
    if newest.is_some_and(|newest| versions.place(user, &newest).is_none()) {
        return Ok(true);
    }
    let there = target.account_data(user, None, DEFAULT_KEY).await?;
    let Some(there) = there else {
        return Ok(false);
    };
    let data: AccountData = bundle.of_user(OfUser::AccountData, user)?;
    let wanted = data.global.get(DEFAULT_KEY);
    Ok(wanted.is_none_or(|wanted| !same::json(wanted, &there)))
}

async fn upload(
    import: &Import,
    user: &UserId,
    wanted: [&RawValue; 3],
    there: There,
) -> Result<()> {
    if there == There::Same {
        return Ok(());
    }
    if there == There::Part {
        return Err(Error::Target(
            "the target has only a part of their encryption identity: look at its log, and tell them to set up encryption anew"
                .to_owned(),
        ));
    }
    import.target.upload_cross_signing(user, wanted).await?;
    let seen = import.target.cross_signing(user, [user]).await?;
    if same::identity(user, wanted, &seen) == There::Same {
        return Ok(());
    }
    Err(Error::Target(
        "the target took the cross-signing keys, but shows others: look at its log".to_owned(),
    ))
}
