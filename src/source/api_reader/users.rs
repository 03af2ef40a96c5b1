//! Every local account: the list's facts, completed by each user's details.

use std::collections::BTreeSet;

use futures::StreamExt;
use ruma::OwnedUserId;
use serde_json::Value;

use super::alone::alone;
use crate::{
    Error, Result,
    bundle::UserRecord,
    job::Phase,
    model::user::User,
    source::{
        admin_api::{Client, ListedUser, UserDetails},
        intake::{Intake, Record, problem},
    },
};

/// Users whose details are asked for at the same time.
const IN_FLIGHT: usize = 8;

/// Hands over all users in the order of their IDs; a user without readable details with what the list says.
///
/// Gives the IDs of all users, also of those that a partial export leaves out.
pub(super) async fn read(
    client: &Client,
    listed: Vec<Value>,
    to: &Intake,
) -> Result<BTreeSet<OwnedUserId>> {
    let mut users = std::collections::BTreeMap::new();
    for entry in listed {
        let subject = entry["name"].as_str().unwrap_or("?").to_owned();
        let user = OwnedUserId::try_from(subject.as_str()).map_err(|error| error.to_string());
        let listed = serde_json::from_value(entry).map_err(|error| error.to_string());
        match user.and_then(|user| Ok((user, listed?))) {
            // A page that moved while it was read can bring a user twice.
            Ok((user, listed)) => drop(users.insert(user, listed)),
            Err(reason) => {
                to.send(Record::Problem(problem("user", &subject, &reason)))
                    .await?;
            }
        }
    }
    let names = users.keys().cloned().collect();
    users.retain(|user, _| to.matcher().user(user));
    to.begin(Phase::ExportUsers, users.len() as u64);
    let mut records = futures::stream::iter(users)
        .map(|(user, listed)| async move {
            let details = client.user(user.as_str()).await;
            let details = alone(details, "user", &user, to).await?.unwrap_or_default();
            Ok::<_, Error>(UserRecord::new(joined(user, listed, details)))
        })
        .buffered(IN_FLIGHT)
        .zip(futures::stream::iter(1..));
    while let Some((record, done)) = records.next().await {
        to.send(Record::User(Box::new(record?))).await?;
        to.done(Phase::ExportUsers, done);
    }
    Ok(names)
}

fn joined(user_id: OwnedUserId, listed: ListedUser, details: UserDetails) -> User {
    User {
        user_id,
        displayname: listed.displayname,
        avatar_url: listed.avatar_url.filter(|url| !url.is_empty()),
        is_admin: listed.admin,
        deactivated: listed.deactivated,
        erased: listed.erased,
        shadow_banned: listed.shadow_banned,
        locked: listed.locked,
        suspended: details.suspended,
        is_guest: listed.is_guest,
        approved: listed.approved,
        user_type: listed.user_type,
        appservice_id: details.appservice_id,
        creation_ts: listed.creation_ts,
        last_seen_ts: listed.last_seen_ts,
        threepids: details.threepids,
        external_ids: details.external_ids,
        profile: serde_json::Map::new(),
    }
}
