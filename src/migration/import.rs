//! The import: accounts, profiles, rooms, aliases; what an earlier run of the same bundle did is not done again.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Display,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use futures::{StreamExt, stream};
use ruma::{OwnedEventId, OwnedRoomId, OwnedUserId, UserId};

use super::{
    accounts, aliases, carry,
    outcome::{ImportSummary, RoomLeft},
    passwords::Passwords,
    plan::{Plan, RoomAction, RoomPlan},
    planner, profiles,
};
use crate::{
    Error, Result,
    bundle::Bundle,
    job::{Event, Job, Phase, Problem},
    ledger::{Ledger, Outcome, Step},
    model::user::User,
    resident::{Resident, Sender},
    target::{Target, admin_room::AdminRoom},
};

/// Rooms under way at once: the target is the bottleneck.
const ROOMS_IN_FLIGHT: usize = 4;

/// Everything that an import's steps work with.
pub struct Import {
    /// What is carried.
    pub bundle: Bundle,
    /// What will happen.
    pub plan: Plan,
    /// The bundle's users by ID.
    pub users: BTreeMap<OwnedUserId, User>,
    /// The tips of each room's event graph.
    pub extremities: BTreeMap<OwnedRoomId, Vec<OwnedEventId>>,
    /// Where it goes.
    pub target: Target,
    /// The target's admin room; none on a stand-in.
    pub admin: Option<AdminRoom>,
    /// The federation face, listening.
    pub resident: Arc<Resident>,
    /// Its sending side.
    pub sender: Sender,
    /// What happened so far.
    pub ledger: Ledger,
    /// New accounts' passwords.
    pub passwords: Passwords,
    /// Who watches, and who may stop.
    pub job: Job,
    able: BTreeSet<OwnedUserId>,
    events: AtomicU64,
}

/// The parts that an import is put together from.
pub struct Parts<'a> {
    /// What is carried.
    pub bundle: Bundle,
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
    /// What happened so far.
    pub ledger: Ledger,
    /// Where new accounts' passwords go.
    pub passwords: &'a Path,
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
            .map(|user| (user.user_id.clone(), user))
            .collect();
        let extremities = parts
            .bundle
            .rooms()?
            .into_iter()
            .map(|room| (room.room_id, room.forward_extremities))
            .collect();
        Ok(Self {
            able: planner::able_users(&parts.plan.users),
            users,
            extremities,
            passwords: Passwords::open(parts.passwords)?,
            events: AtomicU64::new(parts.ledger.events()?),
            bundle: parts.bundle,
            plan: parts.plan,
            target: parts.target,
            admin: parts.admin,
            resident: parts.resident,
            sender: parts.sender,
            ledger: parts.ledger,
            job: parts.job,
        })
    }

    /// All steps in their order.
    pub async fn run(&self) -> Result<ImportSummary> {
        accounts::run(self).await?;
        profiles::run(self).await?;
        self.rooms().await?;
        aliases::run(self, &self.bundle.aliases()?).await?;
        self.summary()
    }

    async fn rooms(&self) -> Result<()> {
        self.begin(Phase::Rooms, self.plan.rooms.len());
        let mut done = stream::iter(self.plan.rooms.clone())
            .map(|room| async move {
                let result = self.room(&room).await;
                (room, result)
            })
            .buffer_unordered(ROOMS_IN_FLIGHT);
        let mut count = 0;
        while let Some((room, result)) = done.next().await {
            self.outcome("room", Step::Settle, &room.room_id, result)?;
            count += 1;
            self.job.emit(Event::Done {
                phase: Phase::Rooms,
                done: count,
            });
        }
        Ok(())
    }

    async fn room(&self, room: &RoomPlan) -> Result<()> {
        match &room.action {
            RoomAction::Carry { joiner, join } => carry::run(self, room, joiner, join).await,
            RoomAction::Skip { .. } => Ok(()),
            RoomAction::Unreadable { reason } => Err(Error::Target(reason.clone())),
        }
    }

    /// Whether a user can act on the target.
    #[must_use]
    pub fn can_act(&self, user: &UserId) -> bool {
        self.able.contains(user)
    }

    pub(super) fn begin(&self, phase: Phase, total: usize) {
        self.job.emit(Event::Phase {
            phase,
            total: total as u64,
        });
    }

    pub(super) fn count_event(&self) {
        let events = self.events.fetch_add(1, Ordering::Relaxed) + 1;
        self.job.emit(Event::Events(events));
    }

    /// Notes a problem in the ledger and tells it.
    pub(super) fn problem(
        &self,
        step: &str,
        subject: &(impl Display + ?Sized),
        reason: &str,
    ) -> Result<()> {
        let problem = Problem {
            step: step.to_owned(),
            subject: subject.to_string(),
            reason: reason.to_owned(),
        };
        self.ledger.problem(&problem)?;
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
                | Error::Unreachable { .. }
                | Error::Refused { .. }),
            ) => Err(error),
            Err(error) => {
                let reason = error.to_string();
                self.ledger
                    .record(step, &subject, &Outcome::Failed(reason.clone()))?;
                self.problem(name, &subject, &reason)
            }
        }
    }

    fn summary(&self) -> Result<ImportSummary> {
        let ledger = &self.ledger;
        let skipped: Vec<_> = self
            .plan
            .rooms
            .iter()
            .filter_map(|room| match &room.action {
                RoomAction::Skip { reason } => Some(RoomLeft {
                    room_id: room.room_id.clone(),
                    name: room.name.clone(),
                    reason: reason.clone(),
                }),
                RoomAction::Carry { .. } | RoomAction::Unreadable { .. } => None,
            })
            .collect();
        let carried = ledger.count_done(Step::Settle, None)?;
        Ok(ImportSummary {
            target: self.plan.target.software.clone(),
            accounts_created: ledger.count_done(Step::Account, Some(accounts::how::CREATED))?,
            accounts_adopted: ledger
                .done_as(Step::Account, accounts::how::ADOPTED)?
                .into_iter()
                .filter_map(|user| OwnedUserId::try_from(user).ok())
                .collect(),
            accounts_reserved: ledger.count_done(Step::Account, Some(accounts::how::RESERVED))?,
            rooms_carried: carried,
            rooms_failed: ((self.plan.rooms.len() - skipped.len()) as u64).saturating_sub(carried),
            rooms_skipped: skipped,
            remote_joins: self.resident.send_joins(),
            events_replayed: ledger.events()?,
            aliases: ledger.count_done(Step::Alias, None)?,
            elapsed_ms: 0,
            passwords: self
                .passwords
                .any()
                .then(|| self.passwords.path().to_owned()),
            problems: ledger.problems()?,
        })
    }
}
