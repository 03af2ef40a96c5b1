//! Whether a server ever answered, and whether it is away at present: told once, not by every request that waits.

use std::sync::atomic::{AtomicBool, Ordering};

/// One server's, as all clones of a client see it.
#[derive(Debug, Default)]
pub(super) struct Presence {
    was_there: AtomicBool,
    is_away: AtomicBool,
    is_given_up: AtomicBool,
}

impl Presence {
    /// Whether it ever answered.
    pub(super) fn was_there(&self) -> bool {
        self.was_there.load(Ordering::Relaxed)
    }

    /// It answered; true if it was away.
    pub(super) fn answered(&self) -> bool {
        self.was_there.store(true, Ordering::Relaxed);
        self.is_given_up.store(false, Ordering::Relaxed);
        self.is_away.swap(false, Ordering::Relaxed)
    }

    /// Somebody has waited for it to the end: until it answers, nobody else has to.
    pub(super) fn give_up(&self) {
        self.is_given_up.store(true, Ordering::Relaxed);
    }

    /// Whether it is not waited for any more.
    pub(super) fn is_given_up(&self) -> bool {
        self.is_given_up.load(Ordering::Relaxed)
    }

    /// It is waited for; true if nobody noticed yet.
    pub(super) fn is_missed(&self) -> bool {
        !self.is_away.swap(true, Ordering::Relaxed)
    }
}
