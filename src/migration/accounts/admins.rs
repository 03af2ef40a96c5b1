//! Admins of Synapse, made admins of the target, where the operator asks for it.

use ruma::UserId;

use super::super::context::{Each, Import};
use crate::{
    Error, Result,
    job::Phase,
    ledger::{Outcome, Step},
    target::admin_room::{self, AdminRoom},
};

/// Lets each of them into the admin room.
pub async fn run(import: &Import) -> Result<()> {
    let Some(admin) = import.admin.as_ref().filter(|_| import.plan.admins) else {
        return Ok(());
    };
    let mut users = import.plan.people.admins.clone();
    users.retain(|user| import.is_about_user(user));
    let each = Each {
        phase: Phase::Admins,
        name: "admin rights",
        step: Step::Admin,
        total: users.len(),
        events: None,
        in_flight: 1,
    };
    let work = users.into_iter().map(|user| {
        let subject = user.to_string();
        (subject, async move { one(import, admin, &user).await })
    });
    import.each(each, work).await
}

async fn one(import: &Import, admin: &AdminRoom, user: &UserId) -> Result<()> {
    import.job.turn().await?;
    if !import.ledger.is_done(Step::Account, user)?
        || import.is_done(Step::Admin, user, |things| things.has_user(user))?
    {
        return Ok(());
    }
    // Whoever is in the admin room is an admin; they are invited only once.
    let is_admin = || async {
        let rooms = import.target.joined_rooms(user).await?;
        Ok::<_, Error>(rooms.iter().any(|room| room == admin.room_id()))
    };
    if !is_admin().await? {
        if !admin_room::is_word(user.as_str()) {
            return Err(Error::Target(
                "their user ID can't be a part of a command: make them an admin by hand".to_owned(),
            ));
        }
        let reply = admin.run(&format!("users make-user-admin {user}")).await?;
        if !is_admin().await? {
            return Err(Error::Target(format!(
                "the target does not make them an admin: {}",
                admin_room::failure(&reply)
            )));
        }
    }
    import
        .ledger
        .record(Step::Admin, user, &Outcome::Done("made"))
}
