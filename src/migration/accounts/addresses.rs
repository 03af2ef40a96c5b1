//! Users' e-mail addresses, where the target can hold them: with one, a user can set a new password alone.

use super::super::{
    context::{Each, Import},
    people,
    plan::UserAction,
};
use crate::{
    Error, Result,
    job::Phase,
    ledger::{Outcome, Step},
    model::user::User,
    target::admin_room::{self, AdminRoom},
};

/// What the target says when an address is bound, also if it was already.
const DONE: &str = "Bound email";

/// Binds each address of each open account; one that the target does not take is a problem of its own.
pub async fn run(import: &Import) -> Result<()> {
    let Some(admin) = import
        .admin
        .as_ref()
        .filter(|_| import.plan.target.holds_addresses())
    else {
        return Ok(());
    };
    let carried = import.plan.users.iter();
    let users: Vec<_> = carried
        .filter(|user| user.action == UserAction::Carry && import.is_about_user(&user.user_id))
        .filter_map(|user| import.users.get(&user.user_id))
        .filter(|user| people::emails(user).next().is_some())
        .cloned()
        .collect();
    let each = Each {
        phase: Phase::Addresses,
        name: "e-mail address",
        step: Step::Address,
        total: users.len(),
        events: None,
        in_flight: 1,
    };
    let work = users.into_iter().map(|user| {
        let subject = user.user_id.to_string();
        (subject, async move { one(import, admin, &user).await })
    });
    import.each(each, work).await
}

/// All of a user's addresses. They are nobody else's business: a problem names the user alone, and says nothing of what the
/// target says of them.
async fn one(import: &Import, admin: &AdminRoom, user: &User) -> Result<()> {
    import.job.turn().await?;
    let id = &user.user_id;
    if !import.ledger.is_done(Step::Account, id)?
        || import.is_done(Step::Address, id, |things| things.has_user(id))?
    {
        return Ok(());
    }
    let mut refused = None;
    for address in people::emails(user) {
        // It becomes a part of a command.
        if !(admin_room::is_word(address) && admin_room::is_word(id.as_str())) {
            refused = Some(
                "one of their e-mail addresses has signs that can't be sent to the target: let them add it themselves",
            );
            continue;
        }
        // The same address once more changes nothing.
        match admin.run(&format!("users add-email {id} {address}")).await {
            Ok(reply) if reply.contains(DONE) => {}
            Ok(_) => {
                refused = Some(
                    "the target does not take one of their e-mail addresses, most often because another user has it: its admin room has the reason",
                );
            }
            Err(Error::Target(_)) => {
                refused = Some(
                    "the target gave no answer when it was told one of their e-mail addresses: look at its log and import again",
                );
            }
            Err(error) => return Err(error),
        }
    }
    if let Some(reason) = refused {
        return Err(Error::Target(reason.to_owned()));
    }
    import
        .ledger
        .record(Step::Address, id, &Outcome::Done("bound"))
}
