//! Server-side key backups: each version of the bundle becomes a new one, with every session as it was.

use std::collections::BTreeSet;

use ruma::{OwnedUserId, UserId, owned_user_id};
use serde_json::{Value, value::RawValue};

use super::{Secrets, how, identities, secrets, versions::Versions};
use crate::{
    Error, Result,
    error::Class,
    job::{Event, Phase},
    ledger::{Outcome, Step},
    migration::{again::Things, context::Import},
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

/// Reads the bundle's backups, version by version; a user's failure is that user's problem, and ends what is done for them:
/// a later version would close the one that failed.
pub(super) async fn run(import: &Import, versions: &Versions) -> Result<()> {
    let carried: BTreeSet<_> = identities::carried(import, |user| import.is_about_user(user))
        .into_iter()
        .collect();
    import.job.emit(Event::Phase {
        phase: Phase::KeyBackups,
        total: carried.len() as u64,
    });
    // Who has no backup takes no time, and who was done with before neither: only a run that does all tells how long it takes.
    let is_first = !import.ledger.has_any(Step::Backup)?;
    import.job.emit(Event::Carried(0));
    let (mut of, mut users) = (OfUser::nobody(), 0);
    let mut filling = None;
    for line in import.bundle.key_backups()? {
        match line? {
            KeyBackupLine::Version {
                user_id,
                version,
                algorithm,
                auth_data,
            } => {
                of.has_failed |= !end(import, filling.take()).await?;
                import.job.turn().await?;
                if of.come_to(&user_id, version) {
                    users += 1;
                    import.job.emit(Event::Done {
                        phase: Phase::KeyBackups,
                        done: users,
                    });
                }
                if of.has_failed || !carried.contains(&user_id) {
                    continue;
                }
                let begun = begin(import, &of, (&algorithm, &auth_data), versions).await;
                match kept(import, &of.subject(), begun)? {
                    Some(begun) => filling = begun,
                    None => of.has_failed = true,
                }
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
                    import.job.turn().await?;
                    let flushed = open.flush(import).await;
                    if kept(import, &open.subject, flushed)?.is_none() {
                        filling = None;
                        of.has_failed = true;
                    }
                }
            }
        }
    }
    end(import, filling).await?;
    if is_first {
        import.job.emit(Event::Carried(carried.len() as u64));
    }
    import.job.emit(Event::Done {
        phase: Phase::KeyBackups,
        done: carried.len() as u64,
    });
    Ok(())
}

/// Whose lines are read, and how it went with them.
struct OfUser {
    user: OwnedUserId,
    /// The version's number on the source.
    version: String,
    /// How many of the user's versions came before it.
    place: usize,
    has_failed: bool,
    is_any: bool,
}

impl OfUser {
    fn nobody() -> Self {
        Self {
            user: owned_user_id!("@nobody:invalid"),
            version: String::new(),
            place: 0,
            has_failed: false,
            is_any: false,
        }
    }

    /// The next version; whether the user before is done with.
    fn come_to(&mut self, user: &UserId, version: String) -> bool {
        self.version = version;
        if self.is_any && self.user == user {
            self.place += 1;
            return false;
        }
        let was_any = std::mem::replace(&mut self.is_any, true);
        user.clone_into(&mut self.user);
        self.place = 0;
        self.has_failed = false;
        was_any
    }

    fn subject(&self) -> String {
        format!("{} {}", self.user, self.version)
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
    of: &OfUser,
    (algorithm, auth_data): (&str, &RawValue),
    versions: &Versions,
) -> Result<Option<Filling>> {
    let (user, subject) = (&of.user, of.subject());
    let ledger = &import.ledger;
    // Nobody can add to an older version.
    let is_it = |things: &Things| things.has_user(user) && versions.are(user, of.place + 1);
    if !ledger.is_done(Step::Account, user)? || import.is_done(Step::Backup, &subject, is_it)? {
        return Ok(None);
    }
    if secrets(import, user)? == Secrets::LeftOut {
        ledger.record(Step::Backup, &subject, &Outcome::Done(how::THEIRS))?;
        return Ok(None);
    }
    let newest = import.target.backup(user).await?;
    let place = newest.as_ref().map(|newest| versions.place(user, newest));
    let is_done_with = match place {
        // A backup of the user's own, made since: it must stay the newest.
        Some(None) => {
            ledger.record(Step::Backup, &subject, &Outcome::Done(how::THEIRS))?;
            return Ok(None);
        }
        Some(Some(place)) => place > of.place,
        None => false,
    };
    if is_done_with {
        // Such as after the import of an earlier bundle: nobody can add to this version any more, or ask for it.
        ledger.record(Step::Backup, &subject, &Outcome::Done(how::OLDER))?;
        return Ok(None);
    }
    ledger.record(Step::Backup, &subject, &Outcome::Begun)?;
    let version = match newest.filter(|_| place == Some(Some(of.place))) {
        Some(newest) => newest.version,
        None => create(import, user, algorithm, auth_data).await?,
    };
    Ok(Some(Filling {
        subject,
        user: user.clone(),
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

/// Puts what still waits, and looks whether all is there; whether it went well.
async fn end(import: &Import, filling: Option<Filling>) -> Result<bool> {
    let Some(mut filling) = filling else {
        return Ok(true);
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
    Ok(kept(import, &subject, ended)?.is_some())
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
