//! Display names and pictures, set before any join: the new join events carry them.

use super::{
    context::{Each, Import},
    late::AFTER_THE_ROOMS,
    plan::UserAction,
};
use crate::{
    Result,
    error::Class,
    job::Phase,
    ledger::{Outcome, Step},
    model::user::User,
};

/// Users whose profile is set at once.
const IN_FLIGHT: usize = 8;

/// Sets what differs, for every user whose account is there.
pub async fn run(import: &Import) -> Result<()> {
    let users: Vec<_> = import
        .plan
        .users
        .iter()
        .filter(|user| user.action == UserAction::Carry && import.is_about_user(&user.user_id))
        .filter_map(|user| import.users.get(&user.user_id))
        .cloned()
        .collect();
    let each = Each {
        phase: Phase::Profiles,
        name: "profile",
        step: Step::Profile,
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
    import.job.turn().await?;
    let id = &user.user_id;
    if !import.ledger.is_done(Step::Account, id)?
        || import.is_done(Step::Profile, id, |things| things.has_user(id))?
    {
        return Ok(());
    }
    let entry = import.ledger.entry(Step::Profile, id)?;
    if entry.is_some_and(|entry| entry.detail == AFTER_THE_ROOMS) {
        return Ok(());
    }
    now(import, user).await
}

/// Sets what differs, and notes that it is done.
pub(super) async fn now(import: &Import, user: &User) -> Result<()> {
    let id = &user.user_id;
    match set(import, user).await {
        // Whether it was set all the same is read, from a target that is back by then.
        Err(error) if error.class() == Class::Retry => set(import, user).await?,
        other => other?,
    }
    import
        .ledger
        .record(Step::Profile, id, &Outcome::Done("set"))
}

/// Sets what differs: a profile that is right already must not be set again, for it would send a member event to every
/// room.
async fn set(import: &Import, user: &User) -> Result<()> {
    let id = &user.user_id;
    let there = import.target.profile(id).await?.unwrap_or_default();
    let wanted = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let (name, avatar) = (wanted(&user.displayname), wanted(&user.avatar_url));
    if there.displayname != name {
        import
            .target
            .set_displayname(id, name.as_deref().unwrap_or_default())
            .await?;
    }
    if there.avatar_url != avatar {
        import
            .target
            .set_avatar_url(id, avatar.as_deref().unwrap_or_default())
            .await?;
    }
    Ok(())
}
