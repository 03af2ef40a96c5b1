//! Counts the requests of one run and ends it at one of them.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Notify;

/// On which side of a request's effect the client goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum When {
    /// The request never arrives.
    Before,
    /// It does what it should, but nobody hears the answer.
    After,
}

/// What becomes of a request.
pub(super) enum Fate {
    Answered,
    LastOne(When),
    /// Sent by somebody who is dead by now.
    TooLate,
}

pub(super) struct Gate {
    last: Option<(u64, When)>,
    requests: AtomicU64,
    ended: Notify,
}

impl Gate {
    pub(super) fn new(last: Option<(u64, When)>) -> Self {
        Self {
            last,
            requests: AtomicU64::new(0),
            ended: Notify::new(),
        }
    }

    pub(super) fn pass(&self) -> Fate {
        let number = self.requests.fetch_add(1, Ordering::SeqCst) + 1;
        match self.last {
            Some((last, when)) if number == last => Fate::LastOne(when),
            Some((last, _)) if number > last => Fate::TooLate,
            _ => Fate::Answered,
        }
    }

    pub(super) fn requests(&self) -> u64 {
        self.requests.load(Ordering::SeqCst)
    }

    /// Ends the run; the permit is kept if nobody waits yet.
    pub(super) fn close(&self) {
        self.ended.notify_one();
    }

    pub(super) async fn end(&self) {
        self.ended.notified().await;
    }
}
