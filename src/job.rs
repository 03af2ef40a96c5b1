//! What a running job tells the world: typed events, rendered only by `report`.

use std::fmt::Display;
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use ruma::OwnedRoomId;
use serde::Serialize;
use tokio::sync::mpsc;

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
    /// Import: display names and avatars.
    Profiles,
    /// Import: rooms joined through the resident and replayed.
    Rooms,
    /// Import: room aliases.
    Aliases,
    /// Import: rooms in the room directory.
    Listings,
    /// Import: what belongs to each user alone.
    UserData,
    /// Import: cross-signing keys.
    Identities,
    /// Import: whom users have verified.
    Signatures,
    /// Import: key backups, user by user.
    KeyBackups,
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
    /// Events that the running phase works through in all, those of earlier runs included, where that is known.
    Expected(u64),
    /// Events sent to the target so far (during [`Phase::Rooms`]) or read from the source ([`Phase::ExportRooms`]).
    Events(u64),
    /// One room's events while it is in hand.
    Room(RoomInHand),
    /// A room that is in hand no more.
    RoomLeft(OwnedRoomId),
    /// Something could not be done.
    Problem(Problem),
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
    stop: Arc<AtomicBool>,
}

impl Job {
    /// A job and the end at which its events come out.
    #[must_use]
    pub fn new() -> (Self, mpsc::UnboundedReceiver<Event>) {
        let (events, receiver) = mpsc::unbounded_channel();
        (
            Self {
                events,
                stop: Arc::default(),
            },
            receiver,
        )
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
        self.emit(Event::Problem(Problem {
            step: step.into(),
            subject: subject.to_string(),
            reason: reason.to_string(),
        }));
    }

    /// Asks the job to stop after the current step.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// [`crate::Error::Stopped`] if somebody asked.
    pub fn check(&self) -> crate::Result<()> {
        if self.stop.load(Ordering::Relaxed) {
            Err(crate::Error::Stopped)
        } else {
            Ok(())
        }
    }
}
