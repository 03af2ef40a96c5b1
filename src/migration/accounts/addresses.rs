//! Users' e-mail addresses, where the target can hold them: with one, a user can set a new password alone.

use ruma::{OwnedUserId, UserId};

use super::super::{
    context::{Each, Import},
    people,
    plan::UserAction,
};
use crate::{
    Error, Result,
    job::Phase,
    ledger::{Outcome, Step},
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
    let addresses: Vec<(OwnedUserId, String)> = carried
        .filter(|user| user.action == UserAction::Carry)
        .filter_map(|user| import.users.get(&user.user_id))
        .flat_map(|user| {
            people::emails(user).map(|address| (user.user_id.clone(), address.to_owned()))
        })
        .collect();
    let each = Each {
        phase: Phase::Addresses,
        name: "e-mail address",
        step: Step::Address,
        total: addresses.len(),
        events: None,
        in_flight: 1,
    };
    let work = addresses.into_iter().map(|(user, address)| {
        // Addresses are nobody else's business: a problem names the user alone.
        let subject = user.to_string();
        (
            subject,
            async move { one(import, admin, &user, &address).await },
        )
    });
    import.each(each, work).await
}

async fn one(import: &Import, admin: &AdminRoom, user: &UserId, address: &str) -> Result<()> {
    import.job.check()?;
    let subject = format!("{user} {address}");
    if import.ledger.is_done(Step::Address, &subject)?
        || !import.ledger.is_done(Step::Account, user)?
    {
        return Ok(());
    }
    // It becomes a part of a command.
    let is_plain = |sign: char| sign.is_alphanumeric() || "@.!#$%&*+-/=?^_{|}~".contains(sign);
    if !address.chars().all(is_plain) {
        return Err(Error::Target(
            "one of their e-mail addresses has signs that can't be sent to the target: let them add it themselves"
                .to_owned(),
        ));
    }
    let reply = admin
        .run(&format!("users add-email {user} {address}"))
        .await?;
    if !reply.contains(DONE) {
        return Err(Error::Target(format!(
            "the target does not take one of their e-mail addresses: {}",
            admin_room::failure(&reply)
        )));
    }
    import
        .ledger
        .record(Step::Address, &subject, &Outcome::Done("bound"))
}
