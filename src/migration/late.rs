//! What a sync does to accounts once their rooms are up to date, and before what they have read is set.
//!
//! Tuwunel tells every room of a new name, and lets whoever is deactivated leave: events of its own, dated today. Before what
//! is older in the same rooms they would win over it.

use ruma::{OwnedUserId, UserId};

use super::{accounts::how, context::Import, profiles};
use crate::{
    Error, Result,
    ledger::{Outcome, Step},
};

/// In the ledger, of a step that waits for the rooms.
pub const AFTER_THE_ROOMS: &str = "its turn comes after the rooms";

/// Closes accounts and sets names and pictures, as far as they wait for this.
pub async fn run(import: &Import) -> Result<()> {
    for user in waiting(import, Step::Account)? {
        import.job.turn().await?;
        let closed = close(import, &user).await;
        noted(import, ("account", Step::Account), &user, closed)?;
    }
    for user in waiting(import, Step::Profile)? {
        import.job.turn().await?;
        if !import.can_act(&user) {
            import.ledger.forget(Step::Profile, &user)?;
        } else if let Some(user) = import.users.get(&user) {
            let set = profiles::now(import, user).await;
            noted(import, ("profile", Step::Profile), &user.user_id, set)?;
        }
    }
    Ok(())
}

/// What could not be done is told, and waits for the rooms the next time, too: the step before them knows nothing of what was
/// there, and would take the account for somebody else's.
fn noted(
    import: &Import,
    (name, step): (&str, Step),
    user: &UserId,
    done: Result<()>,
) -> Result<()> {
    let has_failed = done.is_err();
    import.outcome(name, step, user, done)?;
    if has_failed {
        let waits = Outcome::Failed(AFTER_THE_ROOMS.to_owned());
        import.ledger.record(step, user, &waits)?;
    }
    Ok(())
}

fn waiting(import: &Import, step: Step) -> Result<Vec<OwnedUserId>> {
    let users = import
        .ledger
        .with_detail(step, AFTER_THE_ROOMS)?
        .into_iter();
    Ok(users
        .filter_map(|user| OwnedUserId::try_from(user).ok())
        .filter(|user| import.is_about_user(user))
        .collect())
}

async fn close(import: &Import, user: &UserId) -> Result<()> {
    match &import.admin {
        Some(admin) => {
            // What became of their memberships on Synapse has come over.
            let command = format!("users deactivate --no-leave-rooms {user}");
            admin.run(&command).await?;
        }
        None => import.target.deactivate(user).await?,
    }
    if import.target.is_open(user).await? {
        return Err(Error::Target(
            "the account was closed on Synapse since it was carried over, and the target keeps it open: deactivate it there"
                .to_owned(),
        ));
    }
    import
        .ledger
        .record(Step::Account, user, &Outcome::Done(how::RESERVED))
}
