//! Each user's own data, read as that user and compared with the bundle.

use std::collections::BTreeSet;

use futures::{StreamExt, stream};
use ruma::{OwnedUserId, UserId};
use serde_json::{Map, Value};

use super::{Theirs, account_data, fields, outcome::UserDataVerification, push_rules, receipts};
use crate::{
    Error, Result,
    bundle::Bundle,
    job::{Event, Job, Phase},
    migration::{local::anew::Anew, plan::Plan, planner},
    target::Target,
};

/// Users read at once.
const IN_FLIGHT: usize = 8;

/// Compares all carried users; `others` have another encryption identity than before. One whose account is missing is no matter of this comparison.
pub async fn run(
    target: &Target,
    bundle: &Bundle,
    plan: &Plan,
    job: &Job,
    (others, anew): (&BTreeSet<OwnedUserId>, &Anew),
) -> Result<UserDataVerification> {
    let able = planner::able_users(&plan.users);
    let comes = &|user: &UserId| able.contains(user);
    let carried: Vec<_> = bundle
        .users()?
        .into_iter()
        .map(|user| plan.ids.user(user))
        .filter(|user| able.contains(&user.user_id))
        .map(|user| (user.user_id, user.profile))
        .collect();
    job.emit(Event::Phase {
        phase: Phase::VerifyUserData,
        total: carried.len() as u64,
    });
    let mut compared = stream::iter(carried)
        .map(|(user, profile)| async move {
            job.turn().await?;
            let has_other = others.contains(&user);
            one(
                target,
                (bundle, anew),
                (plan, comes),
                (&user, &profile, has_other),
            )
            .await
        })
        .buffered(IN_FLIGHT);
    let mut all = UserDataVerification::default();
    let mut done = 0;
    while let Some(of_user) = compared.next().await {
        all.add(of_user?);
        done += 1;
        job.emit(Event::Done {
            phase: Phase::VerifyUserData,
            done,
        });
    }
    Ok(all)
}

async fn one(
    target: &Target,
    bundle: (&Bundle, &Anew),
    plan: (&Plan, &impl Fn(&UserId) -> bool),
    (user, profile, has_other): (&OwnedUserId, &Map<String, Value>, bool),
) -> Result<UserDataVerification> {
    let mut all = UserDataVerification::default();
    let read = read(target, bundle, plan, (user, profile, has_other), &mut all).await;
    match read {
        Ok(()) => Ok(all),
        Err(error @ (Error::Unreachable { .. } | Error::Refused { .. } | Error::Stopped)) => {
            Err(error)
        }
        Err(error) => {
            let what = format!("{user}: their data can't be compared: {error}");
            all.account_data.differences.push(what);
            Ok(all)
        }
    }
}

async fn read(
    target: &Target,
    (bundle, anew): (&Bundle, &Anew),
    (plan, comes): (&Plan, &impl Fn(&UserId) -> bool),
    (user, profile, has_other): (&OwnedUserId, &Map<String, Value>, bool),
    all: &mut UserDataVerification,
) -> Result<()> {
    if !target.has_account(user).await? {
        return Ok(());
    }
    let mut data = tokio::task::block_in_place(|| Theirs::on_target(bundle, plan, user, comes))?;
    data.in_new_rooms(anew)?;
    if has_other && !data.account_data.take_secrets().is_empty() {
        all.account_data.known.push(format!(
            "{user}: the secret storage of their former encryption identity stays behind"
        ));
    }
    fields::compare(target, user, profile, &mut all.fields).await?;
    account_data::compare(
        target,
        &plan.target,
        user,
        &data.account_data,
        &mut all.account_data,
    )
    .await?;
    push_rules::compare(target, user, &data.push_rules, &mut all.push_rules).await?;
    let counts = (&mut all.receipts, &mut all.receipts_timed);
    receipts::compare(target, (bundle, plan), user, &data.read, counts).await
}
