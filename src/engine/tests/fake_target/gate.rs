//! Counts the requests of one run, and ends it at one of them or stumbles over it.

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

/// What happens to a run.
#[derive(Debug, Clone, Copy)]
pub(in super::super) enum Disturbance {
    /// At this request the client is gone.
    End(u64, When),
    /// This request is answered by a proxy: the target is busy, or took too long.
    Stumble(u64, When),
    /// From this request on the target fails at everything that it has to write.
    Break(u64),
}

/// What becomes of a request.
pub(super) enum Fate {
    Answered,
    LastOne(When),
    Stumbled(When),
    Broken,
    /// Sent by somebody who is dead by now.
    TooLate,
}

pub(super) struct Gate {
    disturbance: Option<Disturbance>,
    requests: AtomicU64,
    ended: Notify,
}

impl Gate {
    pub(super) fn new(disturbance: Option<Disturbance>) -> Self {
        Self {
            disturbance,
            requests: AtomicU64::new(0),
            ended: Notify::new(),
        }
    }

    pub(super) fn pass(&self) -> Fate {
        let number = self.requests.fetch_add(1, Ordering::SeqCst) + 1;
        match self.disturbance {
            Some(Disturbance::End(last, when)) if number == last => Fate::LastOne(when),
            Some(Disturbance::End(last, _)) if number > last => Fate::TooLate,
            Some(Disturbance::Stumble(one, when)) if number == one => Fate::Stumbled(when),
            Some(Disturbance::Break(first)) if number >= first => Fate::Broken,
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
