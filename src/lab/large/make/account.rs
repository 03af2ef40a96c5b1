//! Accounts with their devices, and what becomes of some of them.

use serde_json::json;

use super::{
    super::plan::{Belonging, Fate, Person},
    Making, files,
};
use crate::lab::{Result, client::Client, path::path, synapse::Synapse};

/// Somebody's password.
pub(in crate::lab::large) fn password(localpart: &str) -> String {
    format!("password of {localpart}")
}

/// Makes an account through the Admin API and logs it in; gives the first device's session.
pub(super) async fn make(synapse: &Synapse, admin: &Client, person: &Person) -> Result<Client> {
    let user_id = synapse.user_id(&person.localpart);
    let first = if admin.user_id() == user_id {
        admin.clone()
    } else {
        let mut body = json!({ "password": password(&person.localpart), "admin": false });
        if person.has.contains(&Belonging::Email) {
            let address = format!("{}@mail.example", person.localpart);
            body["threepids"] = json!([{ "medium": "email", "address": address }]);
        }
        if person.has.contains(&Belonging::SingleSignOn) {
            body["external_ids"] =
                json!([{ "auth_provider": "oidc-lab", "external_id": person.localpart }]);
        }
        let account = path("/_synapse/admin/v2/users", &[&user_id]);
        admin.put(&account, &body).await?;
        log_in(synapse, person).await?
    };
    for _ in 0..person.more_devices {
        log_in(synapse, person).await?;
    }
    if let Some(name) = &person.displayname {
        first.set_displayname(name).await?;
    }
    if let Some(size) = person.avatar {
        let uri = files::picture(&first, size).await?;
        first.set_avatar(&uri).await?;
    }
    Ok(first)
}

async fn log_in(synapse: &Synapse, person: &Person) -> Result<Client> {
    let password = password(&person.localpart);
    synapse
        .anonymous()
        .login(&person.localpart, &password)
        .await
}

/// Closes or locks an account.
pub(super) async fn end(making: &Making<'_>, person: usize) -> Result<()> {
    let user_id = making.id(person);
    match making.plan.people[person].fate {
        Fate::Stays => Ok(()),
        Fate::Deactivated | Fate::Erased => {
            let erase = making.plan.people[person].fate == Fate::Erased;
            making
                .synapse
                .deactivate(making.admin, user_id, erase)
                .await
        }
        Fate::Locked => {
            let account = path("/_synapse/admin/v2/users", &[user_id]);
            making
                .admin
                .put(&account, &json!({ "locked": true }))
                .await?;
            Ok(())
        }
    }
}
