//! What the bot says of itself: whether its loop turns, whether it can obey, and what it has done.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// The worker's loop turns at least this often, if it waits for nothing else.
pub const TURN: Duration = Duration::from_secs(5);

/// It may wait for an answer of the target: two minutes for one request, and one more while the target restarts. What is
/// silent for longer hangs.
const SILENCE: Duration = Duration::from_mins(5);

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// All is good.
    Good,
    /// It came to its end, but not all is good.
    Incomplete,
    /// It ended with an error, or its words make no sense.
    Failed,
    /// Whoever ordered it may not.
    Refused,
}

/// What was counted since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Commands that ended well.
    pub good: u64,
    /// Commands that left something undone.
    pub incomplete: u64,
    /// Commands that failed.
    pub failed: u64,
    /// Commands of those who may not order them.
    pub refused: u64,
    /// The target's transactions that were kept, repeated ones included.
    pub transactions: u64,
    /// Those that could not be kept.
    pub transactions_failed: u64,
    /// When the last one was kept, in milliseconds since the Unix epoch; 0 before the first.
    pub transaction_ts: u64,
    /// When the target last answered the heartbeat; 0 before that.
    pub heartbeat_ts: u64,
}

/// Where the bot is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Stage {
    #[default]
    Starting,
    Ready,
    Stopping,
}

#[derive(Debug, Default)]
struct Inner {
    stage: Stage,
    /// The last turn of the worker's loop, once it has begun.
    turned: Option<Instant>,
    target_is_away: bool,
    device_is_deaf: bool,
    transaction_is_lost: bool,
    tally: Tally,
}

/// The bot's health. Everybody may tell something and ask.
#[derive(Debug, Default)]
pub struct Health(Mutex<Inner>);

impl Health {
    /// The worker's loop has turned.
    pub fn turned(&self) {
        self.inner().turned = Some(Instant::now());
    }

    /// The self-test is through and the control room entered.
    pub fn entered(&self) {
        self.inner().stage = Stage::Ready;
    }

    /// Somebody asked the bot to end.
    pub fn stopping(&self) {
        self.inner().stage = Stage::Stopping;
    }

    /// The target has answered the heartbeat, or not; whether that is news.
    pub fn heartbeat(&self, answered: bool, now_ms: u64) -> bool {
        let mut inner = self.inner();
        if answered {
            inner.tally.heartbeat_ts = now_ms;
        }
        std::mem::replace(&mut inner.target_is_away, !answered) == answered
    }

    /// The bot's own device, which an encrypted room needs, gets its keys, or not.
    pub fn device(&self, syncs: bool) {
        self.inner().device_is_deaf = !syncs;
    }

    /// A transaction came, and was kept or not.
    pub fn transaction(&self, kept: bool, now_ms: u64) {
        let mut inner = self.inner();
        inner.transaction_is_lost = !kept;
        if kept {
            inner.tally.transactions += 1;
            inner.tally.transaction_ts = now_ms;
        } else {
            inner.tally.transactions_failed += 1;
        }
    }

    /// A command of the room has ended.
    pub fn command(&self, outcome: Outcome) {
        let tally = &mut self.inner().tally;
        match outcome {
            Outcome::Good => tally.good += 1,
            Outcome::Incomplete => tally.incomplete += 1,
            Outcome::Failed => tally.failed += 1,
            Outcome::Refused => tally.refused += 1,
        }
    }

    /// What was counted.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.inner().tally
    }

    /// Whether the loop turns; before it has begun, it does not hang. The reason if not, for people.
    pub fn live(&self) -> Result<(), &'static str> {
        self.live_at(Instant::now())
    }

    fn live_at(&self, now: Instant) -> Result<(), &'static str> {
        match self.inner().turned {
            Some(turned) if now.saturating_duration_since(turned) > SILENCE => {
                Err("the bot's loop hangs: restart Ferryman, and report the fault with the log")
            }
            _ => Ok(()),
        }
    }

    /// Whether it can obey. The reason if not, for people.
    pub fn ready(&self) -> Result<(), &'static str> {
        self.live()?;
        let inner = self.inner();
        match inner.stage {
            Stage::Starting => Err(
                "starting: the bot has not entered its control room yet; if that lasts, the log says what it waits for",
            ),
            Stage::Stopping => Err("stopping: somebody asked for it"),
            Stage::Ready if inner.target_is_away => Err(
                "the target does not answer the bot: see that it runs, and what Ferryman's log says",
            ),
            Stage::Ready if inner.device_is_deaf => Err(
                "the target does not let the bot's device sync, so new keys don't come: see what Ferryman's log says",
            ),
            Stage::Ready if inner.transaction_is_lost => {
                Err("the last transaction can't be kept: see that the disk of data_dir has space")
            }
            Stage::Ready => Ok(()),
        }
    }

    // A panic elsewhere does not make it ill.
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why(health: &Health) -> &'static str {
        health.ready().unwrap_err()
    }

    #[test]
    fn from_the_start_to_the_end() {
        let health = Health::default();
        // However long it waits for its invite.
        assert_eq!(health.live_at(Instant::now() + SILENCE * 2), Ok(()));
        insta::assert_snapshot!(why(&health), @"starting: the bot has not entered its control room yet; if that lasts, the log says what it waits for");
        health.entered();
        assert_eq!(health.ready(), Ok(()));
        health.stopping();
        insta::assert_snapshot!(why(&health), @"stopping: somebody asked for it");
        assert_eq!(health.live(), Ok(()));
    }

    #[test]
    fn a_loop_that_hangs_is_seen() {
        let health = Health::default();
        let now = Instant::now();
        health.turned();
        assert_eq!(health.live_at(now + SILENCE), Ok(()));
        let late = health.live_at(now + SILENCE * 2);
        insta::assert_snapshot!(late.unwrap_err(), @"the bot's loop hangs: restart Ferryman, and report the fault with the log");
        health.turned();
        assert_eq!(health.live(), Ok(()));
    }

    #[test]
    fn what_goes_away_may_come_back() {
        let health = Health::default();
        health.entered();
        health.device(false);
        insta::assert_snapshot!(why(&health), @"the target does not let the bot's device sync, so new keys don't come: see what Ferryman's log says");
        health.device(true);
        assert_eq!(health.ready(), Ok(()));
        assert!(!health.heartbeat(true, 1));
        assert!(health.heartbeat(false, 2));
        assert!(!health.heartbeat(false, 3));
        insta::assert_snapshot!(why(&health), @"the target does not answer the bot: see that it runs, and what Ferryman's log says");
        assert!(health.heartbeat(true, 4));
        assert_eq!(health.ready(), Ok(()));
        health.transaction(true, 5);
        health.transaction(false, 6);
        insta::assert_snapshot!(why(&health), @"the last transaction can't be kept: see that the disk of data_dir has space");
        health.transaction(true, 7);
        assert_eq!(health.ready(), Ok(()));
        for outcome in [Outcome::Good, Outcome::Failed, Outcome::Failed] {
            health.command(outcome);
        }
        let tally = Tally {
            good: 1,
            failed: 2,
            transactions: 2,
            transactions_failed: 1,
            transaction_ts: 7,
            heartbeat_ts: 4,
            ..Tally::default()
        };
        assert_eq!(health.tally(), tally);
    }
}
