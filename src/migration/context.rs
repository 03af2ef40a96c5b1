//! What an import's steps work with, and how they are taken for many subjects.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Display,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use futures::{StreamExt, stream::FuturesUnordered};
use ruma::{OwnedRoomId, OwnedUserId, RoomId, UserId};
use tokio::sync::OnceCell;

use super::{again::Things, encryption::Versions, passwords::Passwords, plan::Plan, planner};
use crate::{
    Error, Result,
    bundle::Bundle,
    job::{Event, Job, Phase, Problem, RoomInHand},
    ledger::{Ledger, Outcome, Step},
    model::{room::Room, user::User},
    resident::{OldServer, Resident, Sender},
    source::admin_api::OldAccounts,
    target::{
        Target,
        admin_room::{self, AdminRoom},
        state_keys::StateKeys,
    },
};

/// Everything that an import's steps work with.
pub struct Import {
    /// What is carried.
    pub bundle: Arc<Bundle>,
    /// What will happen.
    pub plan: Plan,
    /// The bundle's users by their IDs on the target.
    pub users: BTreeMap<OwnedUserId, User>,
    /// The bundle's rooms by ID.
    pub rooms: BTreeMap<OwnedRoomId, Room>,
    /// Where it goes.
    pub target: Target,
    /// The target's admin room; none on a stand-in.
    pub admin: Option<AdminRoom>,
    /// The federation face, listening.
    pub resident: Arc<Resident>,
    /// Its sending side.
    pub sender: Sender,
    /// What the target has met of rooms' state.
    pub(super) state_keys: StateKeys,
    /// The old server's own voice, if the operator lends its key.
    pub old_server: Option<OldServer>,
    /// The way to act as old accounts; only where rooms are joined through other servers.
    pub old_accounts: Option<OldAccounts>,
    /// What happened so far.
    pub ledger: Ledger,
    /// New accounts' passwords.
    pub passwords: Passwords,
    /// Whether new accounts get one that is in no file.
    pub passwords_for_nobody: bool,
    /// Nothing but these is done; without them, everything.
    pub things: Option<Things>,
    /// Who watches, and who may stop.
    pub job: Job,
    /// Filled once the first join has shown that the target takes the old server's keys.
    pub(super) trusted: OnceCell<()>,
    /// Filled once they are needed.
    pub(super) versions: OnceCell<Versions>,
    able: BTreeSet<OwnedUserId>,
    events: AtomicU64,
    one_by_one: AtomicBool,
}

/// After so many failures of the target's own in a row, it is looked at whether it works at all.
const ENOUGH: u32 = 3;

/// How long the target is looked at.
const DOUBT: Duration = Duration::from_secs(30);

/// A step that is taken for many subjects.
pub(super) struct Each {
    /// What is told.
    pub(super) phase: Phase,
    /// What a failure is a problem of.
    pub(super) name: &'static str,
    /// Where a failure is noted.
    pub(super) step: Step,
    /// How many there are.
    pub(super) total: usize,
    /// How many events they have in all, where events are counted.
    pub(super) events: Option<u64>,
    /// How many at a time.
    pub(super) in_flight: usize,
}

/// The parts that an import is put together from.
pub struct Parts<'a> {
    /// What is carried.
    pub bundle: Arc<Bundle>,
    /// What will happen.
    pub plan: Plan,
    /// Where it goes.
    pub target: Target,
    /// The target's admin room; none on a stand-in.
    pub admin: Option<AdminRoom>,
    /// The federation face, listening.
    pub resident: Arc<Resident>,
    /// Its sending side.
    pub sender: Sender,
    /// The old server's own voice, if the operator lends its key.
    pub old_server: Option<OldServer>,
    /// The way to act as old accounts, if that may be needed.
    pub old_accounts: Option<OldAccounts>,
    /// What happened so far.
    pub ledger: Ledger,
    /// Where new accounts' passwords go.
    pub passwords: &'a Path,
    /// Whether none goes there.
    pub passwords_for_nobody: bool,
    /// Nothing but these is done; without them, everything.
    pub things: Option<Things>,
    /// Who watches, and who may stop.
    pub job: Job,
}

impl Import {
    /// Reads what all steps need of the bundle.
    pub fn new(parts: Parts<'_>) -> Result<Self> {
        let users = parts
            .bundle
            .users()?
            .into_iter()
            .map(|user| parts.plan.ids.user(user))
            .map(|user| (user.user_id.clone(), user))
            .collect();
        let rooms = parts
            .bundle
            .rooms()?
            .into_iter()
            .map(|room| (room.room_id.clone(), room))
            .collect();
        Ok(Self {
            trusted: OnceCell::new(),
            versions: OnceCell::new(),
            state_keys: StateKeys::default(),
            able: planner::able_users(&parts.plan.users),
            users,
            rooms,
            passwords: Passwords::open(parts.passwords)?,
            passwords_for_nobody: parts.passwords_for_nobody,
            things: parts.things,
            events: AtomicU64::new(parts.ledger.events()?),
            one_by_one: AtomicBool::new(false),
            bundle: parts.bundle,
            plan: parts.plan,
            target: parts.target,
            admin: parts.admin,
            resident: parts.resident,
            sender: parts.sender,
            old_server: parts.old_server,
            old_accounts: parts.old_accounts,
            ledger: parts.ledger,
            job: parts.job,
        })
    }

    /// Does one thing for each subject, some at a time, and keeps a subject's failure with that subject.
    pub(super) async fn each<F: Future<Output = Result<()>>>(
        &self,
        each: Each,
        work: impl Iterator<Item = (String, F)> + Send,
    ) -> Result<()> {
        self.job.emit(Event::Phase {
            phase: each.phase,
            total: each.total as u64,
        });
        if let Some(events) = each.events {
            self.job.emit(Event::Expected(events));
        }
        // What earlier runs have done says nothing about the speed of this one.
        self.job.emit(Event::Carried(0));
        let mut work = work.fuse();
        let mut running = FuturesUnordered::new();
        let (mut done, mut carried, mut failures) = (0, 0, 0);
        loop {
            while running.len() < each.in_flight
                && let Some((subject, work)) = work.next()
            {
                let was_done = self.ledger.is_done(each.step, &subject)?;
                running.push(named((subject, was_done), work));
            }
            let Some(((subject, was_done), result)) = running.next().await else {
                return Ok(());
            };
            let failed = matches!(
                result,
                Err(Error::Answer {
                    status: 500..=599,
                    ..
                })
            );
            self.outcome(each.name, each.step, &subject, result)?;
            failures = if failed { failures + 1 } else { 0 };
            if failures == ENOUGH {
                self.still_works().await?;
                failures = 0;
            }
            if !was_done && self.ledger.is_done(each.step, &subject)? {
                carried += 1;
                self.job.emit(Event::Carried(carried));
            }
            done += 1;
            self.job.emit(Event::Done {
                phase: each.phase,
                done,
            });
        }
    }

    /// Ends the import if the target can't even write a message any more: whatever else were tried would only leave more
    /// things half done there.
    async fn still_works(&self) -> Result<()> {
        let Some(admin) = &self.admin else {
            return Ok(());
        };
        let asked = admin.run_to_its_end(admin_room::MARK);
        // Nothing else goes on meanwhile; a target that is only slow is given the benefit of the doubt.
        match tokio::time::timeout(DOUBT, asked).await {
            Ok(Err(
                error @ Error::Answer {
                    status: 500..=599, ..
                },
            )) => Err(Error::Setup(format!(
                "the target fails at everything ({error}): look at its log and whether its disk is full, restart it, and import again"
            ))),
            Ok(Err(error @ Error::Unreachable { .. })) => Err(error),
            _ => Ok(()),
        }
    }

    /// Whether anything of a user's is to be done.
    pub(super) fn is_about_user(&self, user: &UserId) -> bool {
        self.is_about(|things| things.has_user(user))
    }

    /// Whether a room is to be carried.
    pub(super) fn is_about_room(&self, room: &RoomId) -> bool {
        self.is_about(|things| things.has_room(room))
    }

    /// Whether something is to be done: everything, where nothing is chosen.
    pub(super) fn is_about(&self, has: impl FnOnce(&Things) -> bool) -> bool {
        self.things.as_ref().is_none_or(has)
    }

    /// Whether a step need not be taken. Of what somebody has named it is taken back that it is done: here, where its turn
    /// has come, and not before. So what never had its turn stays as it is, and what is cut off here is left to the next.
    pub(super) fn is_done(
        &self,
        step: Step,
        subject: &(impl Display + ?Sized),
        is_it: impl FnOnce(&Things) -> bool,
    ) -> Result<bool> {
        if self.names(is_it) {
            self.ledger.again(step, subject)?;
        }
        self.ledger.is_done(step, subject)
    }

    /// Whether somebody has named it, so that it is done again even if it counts as done.
    pub(super) fn names(&self, is_it: impl FnOnce(&Things) -> bool) -> bool {
        let things = self.things.as_ref();
        things.is_some_and(|things| things.named && is_it(things))
    }

    /// Whether a user can act on the target.
    #[must_use]
    pub fn can_act(&self, user: &UserId) -> bool {
        self.able.contains(user)
    }

    /// All who can act on the target.
    pub(super) fn able(&self) -> &BTreeSet<OwnedUserId> {
        &self.able
    }

    /// More events of this room are through, of its timeline so many of so many.
    pub(super) fn count_events(
        &self,
        room: &OwnedRoomId,
        name: &Arc<str>,
        more: u64,
        (done, total): (u64, u64),
    ) {
        self.in_hand(room, name, done, total);
        let events = self.events.fetch_add(more, Ordering::Relaxed) + more;
        self.job.emit(Event::Events(events));
    }

    /// How many events of a room go in one transaction.
    pub(super) fn pdus_at_once(&self) -> usize {
        if self.one_by_one.load(Ordering::Relaxed) {
            return 1;
        }
        self.plan.target.pdus_at_once()
    }

    /// What was read back tells whether the target puts the events of a transaction in order; from now on it isn't asked
    /// to, if it doesn't.
    pub(super) fn saw_order(&self, is_same: bool) {
        if !is_same && self.pdus_at_once() > 1 {
            tracing::warn!(
                "{} did not keep the order of events that came together: from now on each comes alone",
                self.plan.target.software
            );
            self.one_by_one.store(true, Ordering::Relaxed);
        }
    }

    /// Tells how far a room is.
    pub(super) fn in_hand(&self, room: &OwnedRoomId, name: &Arc<str>, done: u64, total: u64) {
        self.job.emit(Event::Room(RoomInHand {
            room_id: room.clone(),
            name: Arc::clone(name),
            done,
            total,
        }));
    }

    /// Notes a problem in the ledger and tells it.
    pub(super) fn problem(
        &self,
        step: &str,
        subject: &(impl Display + ?Sized),
        reason: &str,
    ) -> Result<()> {
        let problem = Problem::new(step, subject, reason);
        self.ledger.problem(&problem)?;
        tracing::warn!(
            reference = problem.reference(),
            step,
            subject = problem.subject,
            reason,
            "not done"
        );
        self.job.emit(Event::Problem(problem));
        Ok(())
    }

    /// Keeps one subject's failure with that subject; only what concerns all of them ends the job.
    pub(super) fn outcome(
        &self,
        name: &str,
        step: Step,
        subject: &(impl Display + ?Sized),
        result: Result<()>,
    ) -> Result<()> {
        let subject = subject.to_string();
        match result {
            Ok(()) => self.ledger.solved(name, &subject),
            Err(
                error @ (Error::Stopped
                | Error::Ledger { .. }
                | Error::File { .. }
                | Error::Setup(_)
                | Error::Unreachable { .. }
                | Error::Refused { .. }),
            ) => Err(error),
            Err(error) => {
                let reason = error.to_string();
                // An attempt whose end is unknown stays begun: the next run must not take its result for somebody's own.
                let refused = matches!(
                    error,
                    Error::Target(_)
                        | Error::Answer {
                            status: 400..=499,
                            ..
                        }
                );
                let begun = self
                    .ledger
                    .entry(step, &subject)?
                    .is_some_and(|entry| entry.outcome == "begun");
                if refused || !begun {
                    self.ledger
                        .record(step, &subject, &Outcome::Failed(reason.clone()))?;
                }
                self.problem(name, &subject, &reason)
            }
        }
    }
}

async fn named<N, F: Future<Output = Result<()>>>(name: N, work: F) -> (N, Result<()>) {
    (name, work.await)
}
