//! How far a job is, in numbers, for machines.

use serde::Serialize;

use super::Progress;
use crate::job::{Lag, Phase};

/// The numbers of a running job.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Its phase; nothing before the first one.
    pub phase: Option<Phase>,
    /// Units of the phase that are through.
    pub done: u64,
    /// Of so many; 0 where that isn't known.
    pub total: u64,
    /// Events that are through, those of earlier runs included.
    pub events: u64,
    /// Of so many, where the phase knows.
    pub events_total: Option<u64>,
    /// Bytes of media that are through in this run; only while media are carried.
    pub bytes: Option<u64>,
    /// Of so many.
    pub bytes_total: Option<u64>,
    /// What could not be done so far.
    pub problems: u64,
    /// Whether it waits because somebody asked it to.
    pub paused: bool,
    /// How long the phase may still take, in seconds, where that can be told.
    pub left_seconds: Option<u64>,
    /// How far the target is behind Synapse, only while that is followed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lag: Option<Lag>,
    /// When it began, in milliseconds since the Unix epoch.
    pub started_ts: u64,
}

impl Progress {
    /// The same in numbers.
    #[must_use]
    pub fn counts(&self, now_ms: u64) -> Counts {
        let stage = self.stage.as_ref();
        let bytes = stage.and_then(|stage| stage.bytes.as_ref());
        Counts {
            phase: stage.map(|stage| stage.phase),
            done: stage.map_or(0, |stage| stage.done),
            total: stage.map_or(0, |stage| stage.total),
            events: self.events,
            events_total: stage.and_then(|stage| stage.events_expected),
            bytes: bytes.map(|bytes| bytes.done),
            bytes_total: bytes.map(|bytes| bytes.total),
            problems: self.problems,
            paused: self.paused,
            left_seconds: self.left_ms(now_ms).map(|ms| ms.div_ceil(1_000)),
            lag: self.lag,
            started_ts: self.started_ms,
        }
    }
}
