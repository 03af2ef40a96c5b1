//! What a running job tells the world: typed events, rendered only by `report`.

use std::fmt::Display;
use std::{sync::Arc, time::Duration};

use ruma::OwnedRoomId;
use serde::Serialize;
use sha2::{Digest, Sha256};
use tokio::sync::{mpsc, watch};

use crate::hex::hex;

/// A stretch of a job with a countable amount of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Export: the list of users and their profiles.
    ExportUsers,
    /// Export: key backups, version by version.
    ExportKeyBackups,
    /// Export: each room's state, members, aliases and events.
    ExportRooms,
    /// Export: local media.
    ExportMedia,
    /// Export: the keys of the servers that signed events.
    ExportServerKeys,
    /// Export: packing and checksums.
    ExportPack,
    /// Import: accounts.
    Accounts,
    /// Import: admins of Synapse made admins.
    Admins,
    /// Import: e-mail addresses.
    Addresses,
    /// Import: display names and avatars.
    Profiles,
    /// Import: rooms joined through the resident and replayed.
    Rooms,
    /// Import: room aliases.
    Aliases,
    /// Import: cross-signing keys.
    Identities,
    /// Import: whom users have verified.
    Signatures,
    /// Import: key backups, user by user.
    KeyBackups,
    /// Import: rooms in the room directory.
    Listings,
    /// Import: what belongs to each user alone.
    UserData,
    /// Import: local media.
    Media,
    /// A bundle's rooms, event by event.
    VerifyBundle,
    /// Verify: users.
    VerifyUsers,
    /// Verify: cross-signing keys.
    VerifyIdentities,
    /// Verify: key backups.
    VerifyKeyBackups,
    /// Verify: rooms.
    VerifyRooms,
    /// Verify: what belongs to each user alone.
    VerifyUserData,
    /// Verify: local media.
    VerifyMedia,
    /// A bot's crypto store, read.
    BotKeysExtract,
    /// A bot's sessions, put into its key backup.
    BotKeysUpload,
    /// A bot's key backup, compared with its store.
    BotKeysVerify,
    /// Sync: events come over as soon as Synapse has them.
    Follow,
}

/// One thing that could not be done, for the report: never dropped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct Problem {
    /// What was being done: `room state`, `account`, `event`, …
    pub step: String,
    /// The user, room or event.
    pub subject: String,
    /// Why, in one clause.
    pub reason: String,
}

impl Phase {
    /// The word for it in what machines read.
    #[must_use]
    pub fn word(self) -> String {
        let value = serde_json::to_value(self).unwrap_or_default();
        value.as_str().unwrap_or_default().to_owned()
    }
}

/// Characters of a reason: servers may answer with pages.
const LONGEST_REASON: usize = 1_000;

impl Problem {
    /// The step of an event whose content is not known to be the one that was signed.
    pub const EVENT_CONTENT: &'static str = "event content";

    /// A problem whose reason is cut where it is longer than anybody reads, so that ten thousand of them fit into memory.
    #[must_use]
    pub fn new(step: &str, subject: &(impl Display + ?Sized), reason: &str) -> Self {
        let reason = match reason.char_indices().nth(LONGEST_REASON) {
            Some((end, _)) => format!("{} …", reason.get(..end).unwrap_or_default()),
            None => reason.to_owned(),
        };
        Self {
            step: step.to_owned(),
            subject: subject.to_string(),
            reason,
        }
    }

    /// A short name for it: the same in the report, in the log, and for `why`. Two problems of one step with one subject
    /// are the same.
    #[must_use]
    pub fn reference(&self) -> String {
        let digest = Sha256::new()
            .chain_update(&self.step)
            .chain_update([0])
            .chain_update(&self.subject)
            .finalize();
        hex(&digest[..4])
    }
}

/// What a job emits while it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A phase begins (or its total became known).
    Phase {
        /// Which.
        phase: Phase,
        /// Units of work in it.
        total: u64,
    },
    /// Work done in a phase so far.
    Done {
        /// Which.
        phase: Phase,
        /// Units done.
        done: u64,
    },
    /// Units of the running phase of an import that this run has carried: neither those that it found done, nor those at
    /// which it had nothing to do or failed.
    Carried(u64),
    /// Events that the running phase works through in all, those of earlier runs included, where that is known.
    Expected(u64),
    /// Events sent to the target so far (during [`Phase::Rooms`]) or read from the source ([`Phase::ExportRooms`]).
    Events(u64),
    /// Bytes of media that are through in this run, of those that were left.
    Bytes {
        /// So many.
        done: u64,
        /// Of so many.
        total: u64,
    },
    /// One room's events while it is in hand.
    Room(RoomInHand),
    /// A room that is in hand no more.
    RoomLeft(OwnedRoomId),
    /// How far the target is behind the source, while that is followed.
    Lag(Lag),
    /// Something could not be done.
    Problem(Problem),
    /// It waits, or goes on.
    Paused(bool),
}

/// What somebody wants of a running job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Wish {
    /// To go on.
    #[default]
    Run,
    /// To wait after its current step.
    Pause,
    /// To end after its current step.
    Stop,
}

/// How far the target is behind the source.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Lag {
    /// Half of the latest events took no longer, in milliseconds; nothing before the first one, and where events don't come
    /// over one by one.
    pub median_ms: Option<u64>,
    /// Rooms that wait for the next whole sync.
    pub rooms_waiting: u64,
    /// Milliseconds until that comes at the latest.
    pub next_sync_ms: u64,
}

/// How far a room is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomInHand {
    /// The room.
    pub room_id: OwnedRoomId,
    /// For people.
    pub name: Arc<str>,
    /// Events of its timeline that are through, those of earlier runs included.
    pub done: u64,
    /// All of them.
    pub total: u64,
}

/// A job's line to whoever watches it, and whoever may stop it. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Job {
    events: mpsc::UnboundedSender<Event>,
    wish: Arc<watch::Sender<Wish>>,
    /// Who ordered it, for people.
    by: Arc<str>,
    /// In which words.
    words: Arc<str>,
}

/// How often a blocking thread looks whether a pause is over.
const LOOK: Duration = Duration::from_millis(100);

impl Job {
    /// A job and the end at which its events come out.
    #[must_use]
    pub fn new() -> (Self, mpsc::UnboundedReceiver<Event>) {
        Self::ordered("the shell", "")
    }

    /// The same, ordered by somebody in some words.
    #[must_use]
    pub fn ordered(by: &str, words: &str) -> (Self, mpsc::UnboundedReceiver<Event>) {
        let (events, receiver) = mpsc::unbounded_channel();
        let job = Self {
            events,
            wish: Arc::default(),
            by: by.into(),
            words: words.into(),
        };
        (job, receiver)
    }

    /// Who ordered it, for people.
    #[must_use]
    pub fn asker(&self) -> &str {
        &self.by
    }

    /// In which words it was ordered; empty where nobody has said.
    #[must_use]
    pub fn words(&self) -> &str {
        &self.words
    }

    /// Tells an event; nobody listening is fine.
    pub fn emit(&self, event: Event) {
        let _nobody_listens = self.events.send(event);
    }

    /// Tells a problem.
    pub fn problem(
        &self,
        step: impl Into<String>,
        subject: &(impl Display + ?Sized),
        reason: &(impl Display + ?Sized),
    ) {
        let problem = Problem::new(&step.into(), subject, &reason.to_string());
        self.emit(Event::Problem(problem));
    }

    /// Asks the job to stop after the current step.
    pub fn stop(&self) {
        self.wish(Wish::Stop);
    }

    /// Asks something of the job. Who has asked it to stop can't take that back.
    pub fn wish(&self, wish: Wish) {
        self.wish.send_if_modified(|last| {
            let is_new = *last != wish && *last != Wish::Stop;
            if is_new {
                *last = wish;
            }
            is_new
        });
    }

    /// What is wanted of it now.
    #[must_use]
    pub fn wished(&self) -> Wish {
        *self.wish.borrow()
    }

    /// Between two steps: waits while the job is to wait; [`crate::Error::Stopped`] if it is to stop.
    pub async fn turn(&self) -> crate::Result<()> {
        if self.wished() == Wish::Pause {
            self.emit(Event::Paused(true));
            let mut wishes = self.wish.subscribe();
            // It can't end before the job does.
            let _sender_is_here = wishes.wait_for(|wish| *wish != Wish::Pause).await;
            self.emit(Event::Paused(false));
        }
        self.check()
    }

    /// [`Job::turn`] for a thread that may block.
    pub fn blocking_turn(&self) -> crate::Result<()> {
        if self.wished() == Wish::Pause {
            self.emit(Event::Paused(true));
            while self.wished() == Wish::Pause {
                std::thread::sleep(LOOK);
            }
            self.emit(Event::Paused(false));
        }
        self.check()
    }

    /// [`crate::Error::Stopped`] if somebody asked; a job that is to wait goes on.
    pub fn check(&self) -> crate::Result<()> {
        if self.wished() == Wish::Stop {
            Err(crate::Error::Stopped)
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_of_a_server_is_cut() {
        let problem = |reason: &str| Problem::new("room", "!a:x", reason);
        assert_eq!(problem("no").reason, "no");
        let long = problem(&"ä".repeat(100_000)).reason;
        assert_eq!(long.chars().count(), LONGEST_REASON + 2);
        assert_eq!(problem("no").reference(), problem(&long).reference());
    }

    #[tokio::test]
    async fn a_paused_job_waits_for_its_turn() {
        let (job, mut events) = Job::new();
        assert!(job.turn().await.is_ok());
        job.wish(Wish::Pause);
        let waiting = {
            let job = job.clone();
            tokio::spawn(async move { job.turn().await })
        };
        let blocking = {
            let job = job.clone();
            tokio::task::spawn_blocking(move || job.blocking_turn())
        };
        for _ in 0..2 {
            assert_eq!(events.recv().await, Some(Event::Paused(true)));
        }
        assert!(!waiting.is_finished() && !blocking.is_finished());
        job.wish(Wish::Run);
        assert!(waiting.await.unwrap().is_ok() && blocking.await.unwrap().is_ok());
        for _ in 0..2 {
            assert_eq!(events.recv().await, Some(Event::Paused(false)));
        }
        job.wish(Wish::Pause);
        job.stop();
        job.wish(Wish::Run);
        assert!(matches!(job.turn().await, Err(crate::Error::Stopped)));
        assert!(matches!(job.blocking_turn(), Err(crate::Error::Stopped)));
    }
}
