//! Where a reader hands over what it read, and is told what is wanted.

use std::{
    collections::BTreeSet,
    io::Read,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use ruma::{OwnedServerName, OwnedUserId, UserId};
use serde_json::value::RawValue;
use tokio::sync::mpsc;

use super::matcher::Matcher;
use crate::{
    Error, Result,
    bundle::{Position, RoomRecord, Section, UserRecord},
    job::{Event, Job, Phase, Problem},
    model::{
        event_line::EventLine, key_backup::KeyBackupLine, media::MediaRef, pdu::PduHeader,
        snapshot::Snapshot, wanted::Wanted,
    },
};

/// Records on their way to the writer: a reader that is quicker waits.
const WAITING: usize = 16;
/// The same for each branch: this bounds how far a big room is read ahead.
const WAITING_ON_BRANCH: usize = 4;

/// One thing that was read.
pub enum Record {
    /// A user with all that belongs to them.
    User(Box<UserRecord>),
    /// A line of a key backup.
    KeyBackup(KeyBackupLine),
    /// Some more events of the room that comes next: at most a thousand, of the timeline in order, or outliers.
    Events(Vec<EventLine>),
    /// The state before one of these events.
    Snapshot(Snapshot),
    /// The room of the events before.
    Room(Box<RoomRecord>),
    /// A local media item, with its content if it is wanted and there.
    Media(MediaRef, Option<Box<dyn Read + Send>>),
    /// One of a server's key objects.
    ServerKeys(OwnedServerName, Box<RawValue>),
    /// Something that could not be read.
    Problem(Problem),
    /// Some of the others, handed over at once: a writer that has to be woken for each takes longer for that than for
    /// its work.
    Several(Vec<Record>),
    /// Everything up to here is complete: an interrupted export can go on behind it.
    Mark(Position),
}

impl Record {
    /// Everything up to and with this user or room of the section has been handed over.
    pub fn mark(section: Section, key: &(impl ToString + ?Sized)) -> Self {
        let key = key.to_string();
        Self::Mark(Position { section, key })
    }
}

/// The reader's end of an export. Cheap to clone.
#[derive(Clone)]
pub struct Intake {
    records: mpsc::Sender<Record>,
    shared: Arc<Shared>,
}

struct Shared {
    job: Job,
    wanted: Wanted,
    matcher: Matcher,
    started_ms: u64,
    signers: Mutex<BTreeSet<OwnedServerName>>,
    erased: OnceLock<BTreeSet<OwnedUserId>>,
    events: AtomicU64,
    /// Where an interrupted export stood.
    resumed: Option<Position>,
    progress: Mutex<Progress>,
}

/// How far a section is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Units of it that are done.
    pub done: u64,
    /// All of them, as far as it is known.
    pub total: u64,
}

impl Intake {
    /// An intake, and the end at which the records come out.
    pub fn new(
        job: Job,
        wanted: Wanted,
        server_name: &ruma::ServerName,
        started_ms: u64,
        resumed: Option<Position>,
    ) -> Result<(Self, mpsc::Receiver<Record>)> {
        let (records, receiver) = mpsc::channel(WAITING);
        let shared = Arc::new(Shared {
            job,
            matcher: Matcher::new(&wanted, server_name)?,
            wanted,
            started_ms,
            resumed,
            signers: Mutex::default(),
            erased: OnceLock::new(),
            events: AtomicU64::new(0),
            progress: Mutex::default(),
        });
        Ok((Self { records, shared }, receiver))
    }

    /// What is to be read.
    pub fn wanted(&self) -> &Wanted {
        &self.shared.wanted
    }

    /// Which users and rooms.
    pub fn matcher(&self) -> &Matcher {
        &self.shared.matcher
    }

    /// Whether an interrupted export, with which this one goes on, has this user's or room's part already.
    pub fn has(&self, section: Section, key: &str) -> bool {
        let resumed = self.shared.resumed.as_ref();
        resumed.is_some_and(|position| position.has(section, key))
    }

    /// Milliseconds since the Unix epoch at which the export began.
    pub fn started_ms(&self) -> u64 {
        self.shared.started_ms
    }

    /// Hands over a record and waits until there is room for it.
    ///
    /// [`Error::Stopped`] if somebody asked the job to stop, or the writer failed.
    pub async fn send(&self, record: Record) -> Result<()> {
        self.before(&record)?;
        self.records.send(record).await.map_err(|_| Error::Stopped)
    }

    /// The same on a thread that may block.
    pub fn send_blocking(&self, record: Record) -> Result<()> {
        self.before(&record)?;
        self.records
            .blocking_send(record)
            .map_err(|_| Error::Stopped)
    }

    /// An intake of its own, for work whose records come later than those of other work: [`Intake::forward`] hands them
    /// on in their turn.
    pub fn branch(&self) -> (Self, mpsc::Receiver<Record>) {
        let (records, receiver) = mpsc::channel(WAITING_ON_BRANCH);
        let shared = Arc::clone(&self.shared);
        (Self { records, shared }, receiver)
    }

    /// Hands on what came from a branch, to its end.
    pub async fn forward(&self, branch: &mut mpsc::Receiver<Record>) -> Result<()> {
        while let Some(record) = branch.recv().await {
            self.records
                .send(record)
                .await
                .map_err(|_| Error::Stopped)?;
        }
        Ok(())
    }

    fn before(&self, record: &Record) -> Result<()> {
        self.check()?;
        match record {
            Record::Events(events) => {
                let events = events.iter().filter(|event| !event.outlier).count() as u64;
                let all = self.shared.events.fetch_add(events, Ordering::Relaxed) + events;
                self.shared.job.emit(Event::Events(all));
            }
            Record::Problem(problem) => self.shared.job.emit(Event::Problem(problem.clone())),
            Record::Several(records) => {
                records.iter().try_for_each(|record| self.before(record))?;
            }
            _ => {}
        }
        Ok(())
    }

    /// [`Error::Stopped`] if somebody asked the job to stop. Where somebody is logged in, a job that is to wait goes on until
    /// they are logged out.
    pub fn check(&self) -> Result<()> {
        self.shared.job.check()
    }

    /// Between two requests: [`Job::turn`].
    pub async fn turn(&self) -> Result<()> {
        self.shared.job.turn().await
    }

    /// Between two reads of a thread that may block: [`Job::blocking_turn`].
    pub fn blocking_turn(&self) -> Result<()> {
        self.shared.job.blocking_turn()
    }

    /// A section begins, of so many units.
    pub fn begin(&self, phase: Phase, total: u64) {
        self.set_progress(Progress { done: 0, total });
        self.shared.job.emit(Event::Phase { phase, total });
    }

    /// So many units of the section are done.
    pub fn done(&self, phase: Phase, done: u64) {
        let total = self.progress().total;
        self.set_progress(Progress { done, total });
        self.shared.job.emit(Event::Done { phase, done });
    }

    /// How far the section is that has begun last.
    pub fn progress(&self) -> Progress {
        let progress = self.shared.progress.lock();
        *progress.unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets the section before.
    pub fn forget_progress(&self) {
        self.set_progress(Progress::default());
    }

    fn set_progress(&self, progress: Progress) {
        let kept = self.shared.progress.lock();
        *kept.unwrap_or_else(PoisonError::into_inner) = progress;
    }

    /// Adds servers whose keys will be needed.
    pub fn signed_by(&self, servers: impl IntoIterator<Item = OwnedServerName>) {
        let mut signers = self
            .shared
            .signers
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        signers.extend(servers);
    }

    /// Names the users who are erased, before the first room. A second time it changes nothing.
    pub fn set_erased(&self, users: BTreeSet<OwnedUserId>) {
        let _named_already = self.shared.erased.set(users);
    }

    /// Whether this user is erased.
    pub fn is_erased(&self, user: &UserId) -> bool {
        let erased = self.shared.erased.get();
        erased.is_some_and(|erased| erased.contains(user))
    }

    /// Whether this is the membership of an erased user, from which Synapse has taken the name and the picture.
    pub fn is_membership_of_erased(&self, header: &PduHeader) -> bool {
        let key = header.state_key.as_deref();
        let user = key.and_then(|key| <&UserId>::try_from(key).ok());
        header.kind == "m.room.member" && user.is_some_and(|user| self.is_erased(user))
    }

    /// All servers that were added.
    pub fn signers(&self) -> BTreeSet<OwnedServerName> {
        self.shared.signers()
    }

    /// What the writer may see of it.
    pub fn watch(&self) -> Watch {
        Watch(Arc::clone(&self.shared))
    }
}

/// The writer's view of the intake: it does not keep the records coming.
#[derive(Clone)]
pub struct Watch(Arc<Shared>);

impl Watch {
    /// All servers that were added so far.
    pub fn signers(&self) -> BTreeSet<OwnedServerName> {
        self.0.signers()
    }

    /// Tells of a problem that the writer met.
    pub fn problem(&self, problem: &Problem) {
        self.0.job.emit(Event::Problem(problem.clone()));
    }
}

impl Shared {
    fn signers(&self) -> BTreeSet<OwnedServerName> {
        let signers = self.signers.lock();
        signers.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A problem of an export: what was read, of which user, room, event or server, and why it failed, in one clause.
pub fn problem(
    step: &str,
    subject: &(impl ToString + ?Sized),
    reason: &(impl ToString + ?Sized),
) -> Problem {
    Problem {
        step: step.to_owned(),
        subject: subject.to_string(),
        reason: reason.to_string(),
    }
}
