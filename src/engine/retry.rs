//! Doing again what has failed, or what somebody names.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use ruma::{OwnedRoomId, OwnedUserId};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::{Asked, Engine, import::Ready, look::room_id, memory::Memory, opening::newest};
use crate::{
    Error, Result,
    bundle::Bundle,
    job::{Job, Problem},
    ledger::{Ledger, Step},
    migration::{
        accounts::how,
        again::{self, Things},
    },
    model::stage::Stage,
};

/// All that failed, for whoever names nothing else.
const FAILED: &str = "failed";

/// What is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// `failed`, rooms or users, as they are typed; none is `failed`.
    pub names: Vec<String>,
    /// The bundle; default: the one of the last import.
    pub bundle: Option<PathBuf>,
    /// Whether nobody is told the passwords of the accounts that are made.
    pub passwords_for_nobody: bool,
    /// What was confirmed, by [`Engine::retry_plan`].
    pub confirmed: Option<[u8; 32]>,
}

/// What would be done again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Again {
    /// The bundle's file name.
    pub bundle: String,
    /// The target's software and version.
    pub target: String,
    /// Whether somebody has named it: then it is done again whatever the ledger says.
    pub named: bool,
    /// The things.
    pub things: Things,
    /// What could not be done of them.
    pub problems: Vec<Problem>,
    /// How many other problems there are.
    pub others: u64,
    /// What is confirmed.
    #[serde(skip)]
    pub digest: [u8; 32],
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Retried {
    /// What was to be done again, with what had failed of it before.
    pub again: Again,
    /// Of that, what has not failed this time.
    pub mended: Vec<Problem>,
    /// What has failed, this time or still.
    pub left: Vec<Problem>,
    /// Where the passwords of new accounts are (0600).
    pub passwords: Option<PathBuf>,
    /// Milliseconds from start to end.
    pub elapsed_ms: u64,
}

impl Engine {
    /// Says what a retry would do; nothing is changed.
    pub async fn retry_plan(&self, wanted: &Wanted) -> Result<Again> {
        Ok(Box::pin(self.again(wanted)).await?.1)
    }

    /// Does again what has failed, or what is named; nothing else is touched.
    ///
    /// What is named is done again even if it counts as done. [`Error::Usage`] names every name that there is not.
    pub async fn retry(&self, job: &Job, wanted: &Wanted) -> Result<Retried> {
        let started = self.clock.now_ms();
        let (ready, again, events) = Box::pin(self.again(wanted)).await?;
        if wanted
            .confirmed
            .is_some_and(|confirmed| confirmed != again.digest)
        {
            return Err(Error::Usage(
                "what would be done again is not what was confirmed any more: order the retry again and look at it"
                    .to_owned(),
            ));
        }
        let mut retried = Retried {
            mended: Vec::new(),
            left: Vec::new(),
            passwords: None,
            elapsed_ms: 0,
            again,
        };
        let things = retried.again.things.clone();
        if things.is_empty() {
            retried.left.clone_from(&retried.again.problems);
            return Ok(retried);
        }
        let created = |ledger: &Ledger| ledger.count_done(Step::Account, Some(how::CREATED));
        let made_before = created(&ready.ledger)?;
        let nobody = wanted.passwords_for_nobody;
        let (import, _residence) = Box::pin(self.prepare(job, ready, Some(things), nobody)).await?;
        let summary = Box::pin(import.run()).await?;
        let things = &retried.again.things;
        let left = summary.problems.into_iter();
        retried.left = left
            .filter(|problem| things.has(problem, &events) || !retried.again.named)
            .collect();
        let is_left = |problem: &Problem| {
            let mut left = retried.left.iter();
            left.any(|it| it.reference() == problem.reference())
        };
        let before = retried.again.problems.iter();
        retried.mended = before.filter(|it| !is_left(it)).cloned().collect();
        retried.passwords = summary
            .passwords
            .filter(|_| summary.accounts_created > made_before);
        retried.elapsed_ms = self.clock.now_ms().saturating_sub(started);
        Ok(retried)
    }

    async fn again(&self, wanted: &Wanted) -> Result<(Ready, Again, BTreeSet<String>)> {
        let Some(last) = Memory::read(&self.config.data_dir)? else {
            return Err(Error::Usage(
                "nothing has been imported yet, so nothing can have failed: run `import` first"
                    .to_owned(),
            ));
        };
        let typed: Vec<_> = wanted.names.iter().filter(|name| *name != FAILED).collect();
        if let Some(name) = typed.first()
            && typed.len() < wanted.names.len()
        {
            return Err(Error::Usage(format!(
                "failed is all that has failed, and {name} is a name: order the two retries one after the other"
            )));
        }
        let is_there = |path: &Path| !path.as_os_str().is_empty() && path.exists();
        let bundle = match &wanted.bundle {
            Some(bundle) => bundle.clone(),
            None if is_there(&last.path) => last.path.clone(),
            None => newest(&self.config.data_dir.join("bundles"))?,
        };
        let mut ready = Box::pin(self.ready(Some(bundle), &Asked::default())).await?;
        if ready.ledger.is_empty()? {
            return Err(Error::Usage(format!(
                "nothing of {} has been imported to this target yet: run `import` first, or name another bundle with --bundle",
                ready.bundle.name()
            )));
        }
        if wanted.bundle.is_none() && ready.id != last.id {
            return Err(Error::Usage(format!(
                "the bundle of the last import, {}, is not there any more: put it back into the bundles folder, or name another with --bundle",
                last.name
            )));
        }
        // As it was asked for before.
        ready.plan.admins = ready.ledger.has_any(Step::Admin)?;
        ready.plan.left_out = ready.ledger.left_out()?.unwrap_or_default();
        let named = !typed.is_empty();
        let things = if named {
            self.named(&ready, &typed)?
        } else {
            Things::unsettled(&ready.ledger, &ready.bundle, &ready.plan)?
        };
        let events = if named {
            tokio::task::block_in_place(|| events(&ready.bundle, &things))?
        } else {
            BTreeSet::new()
        };
        let all = ready.ledger.problems()?;
        let (problems, others): (Vec<_>, Vec<_>) = all
            .into_iter()
            .partition(|problem| !named || things.has(problem, &events));
        let parts = serde_json::to_vec(&(named, &things, &problems)).unwrap_or_default();
        let digest = Sha256::new()
            .chain_update(ready.plan.digest())
            .chain_update(parts)
            .finalize()
            .into();
        let again = Again {
            bundle: ready.bundle.name(),
            target: ready.plan.target.software.clone(),
            named,
            things,
            problems,
            others: others.len() as u64,
            digest,
        };
        Ok((ready, again, events))
    }

    /// Rooms and users by what somebody typed; one that there is not ends it before anything is done.
    fn named(&self, ready: &Ready, names: &[&String]) -> Result<Things> {
        let users: BTreeSet<OwnedUserId> = known(&ready.bundle.users()?, |it| &it.user_id);
        let rooms: BTreeSet<OwnedRoomId> = known(&ready.bundle.rooms()?, |it| &it.room_id);
        let planned: BTreeSet<OwnedRoomId> = known(&ready.plan.rooms, |it| &it.room_id);
        let (mut things, mut unknown) = (Things::default(), Vec::new());
        things.named = true;
        for name in names {
            if name.starts_with(['!', '#']) {
                match room_id(&ready.bundle, name) {
                    Ok(room) if rooms.contains(&room) || planned.contains(&room) => {
                        again::room(&mut things, &ready.plan, room)?;
                    }
                    Ok(_) => unknown.push(format!("no room {name}")),
                    Err(_) if name.starts_with('#') => unknown.push(format!("no alias {name}")),
                    Err(error) => return Err(error),
                }
                continue;
            }
            let user = self.user_id(name)?;
            if users.contains(&user) {
                again::user(&mut things, &ready.plan, user)?;
            } else {
                unknown.push(format!("no user {user}"));
            }
        }
        if !unknown.is_empty() {
            return Err(Error::Usage(format!(
                "{} has {}, so nothing was done: look for the right spelling in the plan's report",
                ready.bundle.name(),
                unknown.join(", ")
            )));
        }
        for (is_named, stage) in [
            (!things.users.is_empty(), Stage::Accounts),
            (!things.rooms.is_empty(), Stage::Rooms),
        ] {
            if is_named && ready.plan.left_out.has(stage) {
                return Err(Error::Usage(format!(
                    "{} were left out by choice so far, so there is nothing to do again: import them first",
                    stage.name()
                )));
            }
        }
        things.add_belongings(&ready.ledger, &ready.bundle, &ready.plan)?;
        things.wait(&ready.ledger, &ready.bundle, &ready.plan)?;
        Ok(things)
    }
}

/// The IDs of the events of the rooms: a problem names an event alone.
fn events(bundle: &Bundle, things: &Things) -> Result<BTreeSet<String>> {
    let mut ids = BTreeSet::new();
    for room in &things.rooms {
        for event in bundle.events(room)? {
            // One that can't be read is told with its room.
            ids.extend(event.ok().map(|event| event.event_id.to_string()));
        }
    }
    Ok(ids)
}

fn known<T, I: Clone + Ord>(all: &[T], id: impl Fn(&T) -> &I) -> BTreeSet<I> {
    all.iter().map(|it| id(it).clone()).collect()
}
