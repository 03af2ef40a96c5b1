//! Who could read what was said in a room, as far as it is about who is to be in it now. No I/O.

use std::collections::{BTreeSet, HashMap};

use ruma::{EventId, OwnedEventId, OwnedUserId};

/// Who sees what is said: the later, the more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Openness {
    /// Whoever was joined then.
    Joined,
    /// Whoever was invited then.
    Invited,
    /// Everybody who is joined at any time.
    Shared,
    /// Everybody.
    World,
}

impl Openness {
    /// By `m.room.history_visibility`; what isn't said is `shared`.
    #[must_use]
    pub fn of(text: Option<&str>) -> Self {
        match text {
            Some("joined") => Self::Joined,
            Some("invited") => Self::Invited,
            Some("world_readable") => Self::World,
            _ => Self::Shared,
        }
    }
}

/// What a state event says that matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// Who sees what is said from now on.
    Openness(Openness),
    /// Whether somebody is joined from now on.
    Member(OwnedUserId, bool),
    /// Here a room begins.
    Create,
}

/// The room at a place of its history.
#[derive(Debug)]
pub struct View {
    /// Who is to be joined now.
    audience: BTreeSet<OwnedUserId>,
    /// Who is to see what was said, now.
    now: Openness,
    then: Openness,
    /// Those of the audience who were not joined then.
    absent: BTreeSet<OwnedUserId>,
    /// What a state is put together from at a gap.
    seen: HashMap<OwnedEventId, Said>,
}

impl View {
    /// Before anything is known: nobody can be said to have seen it.
    #[must_use]
    pub fn new(audience: BTreeSet<OwnedUserId>, now: Openness) -> Self {
        Self {
            absent: audience.clone(),
            audience,
            now,
            then: Openness::Joined,
            seen: HashMap::new(),
        }
    }

    /// Keeps a state event, in a room with gaps: a later state may be made of it.
    pub fn keep(&mut self, id: &EventId, said: &Said) {
        self.seen.insert(id.to_owned(), said.clone());
    }

    /// The whole state at a gap.
    pub fn restart(&mut self, state: &[OwnedEventId]) {
        self.then = Openness::Shared;
        self.absent.clone_from(&self.audience);
        for id in state {
            if let Some(said) = self.seen.get(id).cloned() {
                self.pass(&said);
            }
        }
    }

    /// A state event of the timeline.
    pub fn pass(&mut self, said: &Said) {
        match said {
            Said::Create => self.then = Openness::Shared,
            Said::Openness(openness) => self.then = *openness,
            Said::Member(user, true) => {
                self.absent.remove(user);
            }
            Said::Member(user, false) => {
                if let Some(user) = self.audience.get(user) {
                    self.absent.insert(user.clone());
                }
            }
        }
    }

    /// Whether what was said here is seen by nobody now who could not see it then.
    #[must_use]
    pub fn may_be_seen(&self) -> bool {
        self.now <= self.then && (self.then >= Openness::Shared || self.absent.is_empty())
    }
}
