//! Every local account: the list's facts, completed by each user's details.

use std::collections::BTreeSet;

use futures::StreamExt;
use ruma::OwnedUserId;
use serde_json::Value;

use super::{alone::alone, problem, writing::Writing};
use crate::{
    Result,
    job::{Event, Job, Phase, Problem},
    model::user::User,
    source::admin_api::{Client, ListedUser, UserDetails},
};

/// Users whose details are asked for at the same time.
const IN_FLIGHT: usize = 8;

/// Writes all users and returns their IDs; a user without readable details is written with what the list says.
pub(super) async fn export(
    client: &Client,
    listed: Vec<Value>,
    job: &Job,
    writing: &mut Writing,
) -> Result<BTreeSet<OwnedUserId>> {
    job.emit(Event::Phase {
        phase: Phase::ExportUsers,
        total: listed.len() as u64,
    });
    let mut names = BTreeSet::new();
    let mut users = futures::stream::iter(listed)
        .map(|entry| read(client, entry))
        .buffered(IN_FLIGHT)
        .zip(futures::stream::iter(1..));
    while let Some((read, done)) = users.next().await {
        let (user, problems) = read?;
        job.check()?;
        writing.problems(problems);
        if let Some(user) = user {
            // A page that moved while it was read can bring a user twice.
            if names.insert(user.user_id.clone()) {
                writing.user(&user)?;
            }
        }
        job.emit(Event::Done {
            phase: Phase::ExportUsers,
            done,
        });
    }
    Ok(names)
}

async fn read(client: &Client, entry: Value) -> Result<(Option<User>, Vec<Problem>)> {
    let mut problems = Vec::new();
    let subject = entry["name"].as_str().unwrap_or("?").to_owned();
    let user = match serde_json::from_value::<ListedUser>(entry) {
        Ok(listed) => {
            let details = alone(
                client.user(&listed.name).await,
                "user",
                &subject,
                &mut problems,
            )?;
            joined(listed, details.unwrap_or_default())
        }
        Err(error) => Err(error.to_string()),
    };
    let user = user
        .map_err(|reason| problems.push(problem("user", &subject, &reason)))
        .ok();
    Ok((user, problems))
}

fn joined(listed: ListedUser, details: UserDetails) -> Result<User, String> {
    Ok(User {
        user_id: OwnedUserId::try_from(listed.name).map_err(|error| error.to_string())?,
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
    })
}
