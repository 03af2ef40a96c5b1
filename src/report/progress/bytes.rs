//! Bytes of media: how many, how fast.

use super::rate::Rate;
use crate::report::text::size;

/// Bytes that are through, of all.
#[derive(Debug, Clone)]
pub(super) struct Bytes {
    pub(super) done: u64,
    pub(super) total: u64,
    rate: Rate,
}

impl Bytes {
    pub(super) fn begin(done: u64, total: u64, now_ms: u64) -> Self {
        Self {
            done,
            total,
            rate: Rate::begin(done, now_ms),
        }
    }

    pub(super) fn count(&mut self, done: u64, now_ms: u64) {
        self.done = done;
        self.rate.count(done, now_ms);
    }

    pub(super) fn left_ms(&self, now_ms: u64) -> Option<u64> {
        self.rate.left_ms(self.total, now_ms)
    }

    /// `1.5 GB of 2.1 GB (12.0 MB per second)`.
    pub(super) fn fact(&self, now_ms: u64) -> String {
        let of = format!("{} of {}", size(self.done), size(self.total));
        let moves = self.done < self.total && self.rate.still_ms(now_ms).is_none();
        match self.rate.per_second(now_ms).filter(|_| moves) {
            Some(rate) => format!("{of} ({} per second)", size(whole(rate))),
            None => of,
        }
    }
}

fn whole(rate: f64) -> u64 {
    format!("{rate:.0}").parse().unwrap_or_default()
}
