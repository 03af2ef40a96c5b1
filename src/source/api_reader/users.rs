//! Every local account, with all that belongs to it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, atomic::AtomicBool},
};

use futures::StreamExt;
use ruma::OwnedUserId;
use serde_json::Value;

use super::{
    acting::Acting,
    cross_signing,
    device_keys::{self, Batch},
    own::Own,
    pending::WaitingRooms,
    user::{self, ReadUser, Shared},
};
use crate::{
    Result,
    bundle::Section,
    job::Phase,
    source::{
        admin_api::{Client, ListedUser, Who},
        intake::{Intake, Record, problem},
    },
};

/// Users that are read at the same time: more than requests at a time, so that a slow one doesn't leave Synapse idle.
const IN_FLIGHT: usize = 24;

/// What is known of all users afterwards.
#[derive(Default)]
pub(super) struct Users {
    /// All IDs, also of those that a partial export leaves out.
    pub(super) names: BTreeSet<OwnedUserId>,
    /// Those of them who are erased.
    pub(super) erased: BTreeSet<OwnedUserId>,
    /// Rooms that those who were read are joined to, IDs unchecked.
    pub(super) joined: BTreeSet<String>,
    /// Whose memberships are known.
    pub(super) looked_at: BTreeSet<OwnedUserId>,
    /// Those who have a key backup, in the order of their IDs.
    pub(super) with_backup: Vec<OwnedUserId>,
}

/// Hands over all users in the order of their IDs; a user without readable details with what the list says.
pub(super) async fn read(
    client: &Arc<Client>,
    acting: Option<Acting>,
    custom_profiles: bool,
    listed: Vec<Value>,
    to: &Intake,
) -> Result<Users> {
    let mut users = by_id(listed, to).await?;
    let mut read = Users {
        names: users.keys().cloned().collect(),
        erased: users
            .iter()
            .filter(|(_, listed)| listed.erased)
            .map(|(user, _)| user.clone())
            .collect(),
        ..Users::default()
    };
    users.retain(|user, _| to.matcher().user(user));
    to.begin(Phase::ExportUsers, users.len() as u64);
    let all = users.len();
    users.retain(|user, listed| {
        let is_there = to.has(Section::Users, user.as_str());
        let can_act = !(listed.is_guest || listed.locked || listed.deactivated);
        if is_there && can_act && !to.has(Section::KeyBackups, user.as_str()) {
            // The interrupted export knew whether there is one.
            read.with_backup.push(user.clone());
        }
        !is_there
    });
    let before = (all - users.len()) as u64;
    let identities = match &acting {
        Some(_) => identities(client, &read.names, to).await?,
        None => Vec::new(),
    };
    let shared = &Arc::new(Shared {
        client: Arc::clone(client),
        acting,
        identities,
        waiting: WaitingRooms::default(),
        custom_profiles,
        profiles_limited: AtomicBool::new(false),
    });
    let names: Vec<_> = users.keys().cloned().collect();
    let mut batches = Vec::with_capacity(names.len());
    for some in names.chunks(device_keys::TOGETHER) {
        let batch = Arc::new(Batch::new(some.to_vec()));
        batches.extend(std::iter::repeat_n(batch, some.len()));
    }
    let mut records =
        futures::stream::iter(users.into_iter().zip(batches))
            .map(|((user, listed), batch)| async move {
                user::read(shared, &batch, user, listed, to).await
            })
            .buffered(IN_FLIGHT)
            .zip(futures::stream::iter(before + 1..));
    while let Some((user, done)) = records.next().await {
        let ReadUser {
            record,
            own,
            memberships,
            has_backup,
        } = user?;
        let id = &record.user.user_id;
        if let Some(memberships) = memberships {
            let joined = memberships.into_iter().filter(|(_, is)| is == "join");
            read.joined.extend(joined.map(|(room, _)| room));
            read.looked_at.insert(id.clone());
        }
        if has_backup {
            read.with_backup.push(id.clone());
        }
        let id = id.clone();
        own.hand_over(to).await?;
        to.send(Record::User(Box::new(record))).await?;
        to.send(Record::mark(Section::Users, &id)).await?;
        to.done(Phase::ExportUsers, done);
    }
    Ok(read)
}

async fn by_id(listed: Vec<Value>, to: &Intake) -> Result<BTreeMap<OwnedUserId, ListedUser>> {
    let mut users = BTreeMap::new();
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
    Ok(users)
}

/// All users with a master key, sorted.
async fn identities(
    client: &Client,
    users: &BTreeSet<OwnedUserId>,
    to: &Intake,
) -> Result<Vec<OwnedUserId>> {
    let users: Vec<_> = users.iter().cloned().collect();
    let mut own = Own::default();
    let mut found = Vec::new();
    for some in users.chunks(cross_signing::TOGETHER) {
        let answer = client.keys(&Who::Admin, some, false).await;
        let subject = some.first().map(ToString::to_string).unwrap_or_default();
        let keys = own.or_none(answer, "cross-signing keys", &subject)?;
        let keys = keys.unwrap_or_default().master_keys;
        let with_key = some.iter().filter(|user| keys.contains_key(user.as_str()));
        found.extend(with_key.cloned());
    }
    own.hand_over(to).await?;
    Ok(found)
}
