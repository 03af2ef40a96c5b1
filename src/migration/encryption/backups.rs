//! Server-side key backups: each version of the bundle becomes a new one, with every session as it was.

use std::collections::BTreeSet;

use ruma::{OwnedUserId, UserId};
use serde_json::{Value, value::RawValue};

use super::{how, identities};
use crate::{
    Error, Result,
    error::Class,
    job::{Event, Phase},
    ledger::{Outcome, Step},
    migration::context::Import,
    model::key_backup::KeyBackupLine,
    target::key_backup::{Backup, Sessions},
};

/// What a failure is a problem of.
const NAME: &str = "key backup";
/// Sessions of one request, at most.
const SESSIONS: usize = 500;
/// Bytes of one request's sessions, about.
const BYTES: usize = 1 << 20;

/// A version that is being filled.
struct Filling {
    subject: String,
    user: OwnedUserId,
    /// What the target calls it.
    version: String,
    sessions: Sessions,
    waiting: usize,
    bytes: usize,
    put: u64,
}

/// Reads the bundle's backups once, version by version; a user's failure is that user's problem.
pub async fn run(import: &Import) -> Result<()> {
    let carried: BTreeSet<_> = identities::carried(import).into_iter().collect();
    import.job.emit(Event::Phase {
        phase: Phase::KeyBackups,
        total: carried.len() as u64,
    });
    let mut users = Users::default();
    let mut filling = None;
    for line in import.bundle.key_backups()? {
        match line? {
            KeyBackupLine::Version {
                user_id,
                version,
                algorithm,
                auth_data,
            } => {
                end(import, filling.take()).await?;
                import.job.check()?;
                users.come_to(import, &user_id);
                if !carried.contains(&user_id) {
                    continue;
                }
                let subject = format!("{user_id} {version}");
                let begun = begin(import, &mut users, &subject, &algorithm, &auth_data).await;
                filling = kept(import, &subject, begun)?.flatten();
            }
            KeyBackupLine::Session {
                room_id,
                session_id,
                session,
                ..
            } => {
                let Some(open) = &mut filling else { continue };
                open.add(room_id, session_id, session);
                if open.waiting >= SESSIONS || open.bytes >= BYTES {
                    import.job.check()?;
                    let flushed = open.flush(import).await;
                    if kept(import, &open.subject, flushed)?.is_none() {
                        filling = None;
                    }
                }
            }
        }
    }
    end(import, filling).await?;
    import.job.emit(Event::Done {
        phase: Phase::KeyBackups,
        done: carried.len() as u64,
    });
    Ok(())
}

/// The user whose lines are read.
#[derive(Default)]
struct Users {
    user: Option<OwnedUserId>,
    done: u64,
    /// Whether one of their versions was carried by this import or an earlier one: the newest is ours then.
    is_ours: bool,
}

impl Users {
    fn come_to(&mut self, import: &Import, user: &UserId) {
        if self.user.as_deref() == Some(user) {
            return;
        }
        if self.user.replace(user.to_owned()).is_some() {
            self.done += 1;
            import.job.emit(Event::Done {
                phase: Phase::KeyBackups,
                done: self.done,
            });
        }
        self.is_ours = false;
    }
}

/// A user's failure stays with that user; what concerns all ends the import.
fn kept<T>(import: &Import, subject: &str, result: Result<T>) -> Result<Option<T>> {
    let (value, result) = match result {
        Ok(value) => (Some(value), Ok(())),
        Err(error) => (None, Err(error)),
    };
    import.outcome(NAME, Step::Backup, subject, result)?;
    Ok(value)
}

/// The version on the target that is to be filled; nothing if there is nothing to do.
async fn begin(
    import: &Import,
    users: &mut Users,
    subject: &str,
    algorithm: &str,
    auth_data: &RawValue,
) -> Result<Option<Filling>> {
    let Some(user) = users.user.clone() else {
        return Ok(None);
    };
    let ledger = &import.ledger;
    let entry = ledger.entry(Step::Backup, subject)?;
    if let Some(entry) = entry.as_ref().filter(|entry| entry.is_done()) {
        users.is_ours |= entry.detail == how::CARRIED;
        return Ok(None);
    }
    if !ledger.is_done(Step::Account, &user)? {
        return Ok(None);
    }
    users.is_ours |= entry.is_some_and(|entry| entry.outcome == "begun");
    let identity = ledger.entry(Step::Identity, &user)?;
    let has_other_identity = identity.is_some_and(|entry| entry.detail == how::THEIRS);
    let newest = import.target.backup(&user).await?;
    let same = |backup: &Backup| is_same(backup, algorithm, auth_data);
    // A backup of the user's own must stay the newest, and with another identity nobody would trust the old one.
    let is_theirs = newest.as_ref().is_some_and(|newest| !same(newest)) && !users.is_ours;
    if has_other_identity || is_theirs {
        ledger.record(Step::Backup, subject, &Outcome::Done(how::THEIRS))?;
        return Ok(None);
    }
    ledger.record(Step::Backup, subject, &Outcome::Begun)?;
    users.is_ours = true;
    let version = match newest.filter(same) {
        Some(newest) => newest.version,
        None => create(import, &user, algorithm, auth_data).await?,
    };
    Ok(Some(Filling {
        subject: subject.to_owned(),
        user,
        version,
        sessions: Sessions::new(),
        waiting: 0,
        bytes: 0,
        put: 0,
    }))
}

async fn create(
    import: &Import,
    user: &UserId,
    algorithm: &str,
    auth_data: &RawValue,
) -> Result<String> {
    let created = || import.target.create_backup(user, algorithm, auth_data);
    match created().await {
        // Whether it was made all the same is read.
        Err(error) if error.class() == Class::Retry => match import.target.backup(user).await? {
            Some(newest) if is_same(&newest, algorithm, auth_data) => Ok(newest.version),
            _ => created().await,
        },
        other => other,
    }
}

/// Whether the target's version is a certain one of the bundle.
pub(super) fn is_same(backup: &Backup, algorithm: &str, auth_data: &RawValue) -> bool {
    let wanted: Option<Value> = serde_json::from_str(auth_data.get()).ok();
    backup.algorithm == algorithm && wanted.as_ref() == Some(&backup.auth_data)
}

/// Puts what still waits, and looks whether all is there.
async fn end(import: &Import, filling: Option<Filling>) -> Result<()> {
    let Some(mut filling) = filling else {
        return Ok(());
    };
    let subject = filling.subject.clone();
    let ended = async {
        filling.flush(import).await?;
        let there = import.target.backup(&filling.user).await?;
        let there = there.filter(|there| there.version == filling.version);
        let count = there.map_or(0, |there| there.count);
        if count < filling.put {
            return Err(Error::Target(format!(
                "the target took {} room keys, but has {count}: look at its log and import again",
                filling.put
            )));
        }
        import
            .ledger
            .record(Step::Backup, &subject, &Outcome::Done(how::CARRIED))
    };
    let ended = ended.await;
    kept(import, &subject, ended)?;
    Ok(())
}

impl Filling {
    fn add(&mut self, room: String, id: String, session: Box<RawValue>) {
        self.bytes += session.get().len();
        let room = self.sessions.entry(room).or_default();
        if room.insert(id, session).is_none() {
            self.waiting += 1;
        }
    }

    async fn flush(&mut self, import: &Import) -> Result<()> {
        if self.waiting == 0 {
            return Ok(());
        }
        let sessions = std::mem::take(&mut self.sessions);
        import
            .target
            .put_backup_keys(&self.user, &self.version, &sessions)
            .await?;
        self.put += std::mem::take(&mut self.waiting) as u64;
        self.bytes = 0;
        Ok(())
    }
}
