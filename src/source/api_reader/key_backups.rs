//! Server-side key backups: every version that is not deleted, and every session in it, opaque.

use std::sync::Arc;

use ruma::{OwnedUserId, UserId};

use super::{acting::Acting, in_order, own::is_own};
use crate::{
    Result,
    bundle::Section,
    job::Phase,
    model::key_backup::KeyBackupLine,
    source::{
        admin_api::{BackupVersion, Client, Who},
        intake::{Intake, Record, problem},
    },
};

/// Users whose backups are read at the same time: each can be many megabytes in memory.
const IN_FLIGHT: usize = 4;

/// Reads the backups of users who have one, in the order of their IDs.
pub(super) async fn read(
    client: &Arc<Client>,
    acting: &Acting,
    users: Vec<OwnedUserId>,
    to: &Intake,
) -> Result<()> {
    to.begin(Phase::ExportKeyBackups, users.len() as u64);
    let begin = |user: OwnedUserId, branch: Intake| {
        let (client, acting) = (Arc::clone(client), acting.clone());
        async move {
            let (whose, records) = (user.clone(), branch.clone());
            let work = |who: Who| async move { of_user(&client, &who, &whose, &records).await };
            let (read, token_stays) = acting.act(&user, work).await;
            if let Some(problem) = token_stays {
                branch.send(Record::Problem(problem)).await?;
            }
            match read {
                Err(error) if is_own(&error) => {
                    let unread = problem("key backup", &user, &error);
                    branch.send(Record::Problem(unread)).await?;
                }
                read => drop(read?),
            }
            branch.send(Record::mark(Section::KeyBackups, &user)).await
        }
    };
    let done = |done| to.done(Phase::ExportKeyBackups, done);
    in_order::read(users, IN_FLIGHT, to, begin, done).await
}

async fn of_user(client: &Client, who: &Who, user: &UserId, to: &Intake) -> Result<()> {
    let Some(newest) = client.backup_version(who, None).await? else {
        return Ok(());
    };
    // Synapse counts from 1, and tells of older versions only who asks for each.
    for number in 1..newest.version.parse::<u64>().unwrap_or_default() {
        to.check()?;
        let older = client
            .backup_version(who, Some(&number.to_string()))
            .await?;
        if let Some(older) = older {
            version(client, who, user, older, to).await?;
        }
    }
    version(client, who, user, newest, to).await
}

async fn version(
    client: &Client,
    who: &Who,
    user: &UserId,
    version: BackupVersion,
    to: &Intake,
) -> Result<()> {
    to.check()?;
    let sessions = client.backup_keys(who, &version.version).await?;
    let user_id = user.to_owned();
    to.send(Record::KeyBackup(KeyBackupLine::Version {
        user_id: user_id.clone(),
        version: version.version.clone(),
        algorithm: version.algorithm,
        auth_data: version.auth_data,
    }))
    .await?;
    for (room_id, sessions) in sessions {
        for (session_id, session) in sessions {
            to.send(Record::KeyBackup(KeyBackupLine::Session {
                user_id: user_id.clone(),
                version: version.version.clone(),
                room_id: room_id.clone(),
                session_id,
                session,
            }))
            .await?;
        }
    }
    Ok(())
}
