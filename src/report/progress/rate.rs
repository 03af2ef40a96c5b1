//! How fast something goes, and until when: from what was counted and the times that are handed in.
//!
//! Each stretch between two counts is weighed by its age (an exponential moving average over time), and the weights of
//! the elapsed time are summed as those of the counts are, so that the first seconds already give the right rate.

use std::time::Duration;

/// How long a stretch weighs: after this it has 37 % of its weight.
const MEMORY_MS: u64 = 30_000;

/// Slow things are remembered for so many of their counts.
const MEMORY_COUNTS: u64 = 4;

/// Before this, any rate would be a guess.
const GUESSING_MS: u64 = 3_000;

/// Before this, any remaining time would be one.
const GUESSING_LEFT_MS: u64 = 8_000;

/// Without a count for so long (and for twice as long as slow things need), it stands still.
const STILL_MS: u64 = 60_000;

/// The measured rate of one thing that is counted upwards.
#[derive(Debug, Clone)]
pub(super) struct Rate {
    began_ms: u64,
    /// The last count that was another one than before, and its time.
    done: u64,
    at_ms: u64,
    counts: u64,
    /// Seconds and units, each with the weight of its age.
    seconds: f64,
    units: f64,
}

impl Rate {
    /// Begins at a count: what was done before says nothing about the speed.
    pub(super) fn begin(done: u64, now_ms: u64) -> Self {
        Self {
            began_ms: now_ms,
            done,
            at_ms: now_ms,
            counts: 0,
            seconds: 0.0,
            units: 0.0,
        }
    }

    /// So many are done now. The same number again is no news; a smaller one begins anew.
    pub(super) fn count(&mut self, done: u64, now_ms: u64) {
        if done < self.done {
            *self = Self::begin(done, now_ms);
        }
        if done == self.done {
            return;
        }
        let (older, passed) = self.weights(now_ms.saturating_sub(self.at_ms));
        let elapsed = seconds(now_ms.saturating_sub(self.at_ms));
        // Units of one stretch are taken for evenly spread over it.
        let share = if elapsed > 0.0 { passed / elapsed } else { 1.0 };
        self.seconds = self.seconds * older + passed;
        self.units = self.units * older + float(done - self.done) * share;
        self.counts += 1;
        self.done = done;
        self.at_ms = now_ms.max(self.at_ms);
    }

    /// Units per second; nothing before it can be told.
    pub(super) fn per_second(&self, now_ms: u64) -> Option<f64> {
        if self.counts == 0 || now_ms.saturating_sub(self.began_ms) < GUESSING_MS {
            return None;
        }
        // Waiting for the next count as long as usual says nothing; waiting longer does.
        let late = self.waiting(now_ms).saturating_sub(self.usual_gap());
        let (older, passed) = self.weights(late);
        let rate = self.units * older / (self.seconds * older + passed);
        (rate.is_finite() && rate > 0.0).then_some(rate)
    }

    /// Milliseconds until `total` are done; nothing before it can be told, or when nothing is left or moves.
    pub(super) fn left_ms(&self, total: u64, now_ms: u64) -> Option<u64> {
        let left = total.checked_sub(self.done).filter(|left| *left > 0)?;
        if now_ms.saturating_sub(self.began_ms) < GUESSING_LEFT_MS
            || self.still_ms(now_ms).is_some()
        {
            return None;
        }
        let rate = self.per_second(now_ms)?;
        let left = Duration::try_from_secs_f64(float(left) / rate).ok()?;
        let left = u64::try_from(left.as_millis()).ok()?;
        // Part of the next unit's time has passed.
        Some(left.saturating_sub(self.waiting(now_ms).min(self.usual_gap())))
    }

    /// For how many milliseconds nothing was counted, if that is unusual.
    pub(super) fn still_ms(&self, now_ms: u64) -> Option<u64> {
        let waiting = self.waiting(now_ms);
        (waiting >= STILL_MS.max(self.usual_gap().saturating_mul(2))).then_some(waiting)
    }

    fn waiting(&self, now_ms: u64) -> u64 {
        now_ms.saturating_sub(self.at_ms)
    }

    /// Milliseconds from one count to the next, on average.
    fn usual_gap(&self) -> u64 {
        self.at_ms
            .saturating_sub(self.began_ms)
            .checked_div(self.counts)
            .unwrap_or(0)
    }

    /// What the past weighs after so many milliseconds, and the weighted seconds of these.
    fn weights(&self, elapsed_ms: u64) -> (f64, f64) {
        let memory = seconds(MEMORY_MS.max(self.usual_gap().saturating_mul(MEMORY_COUNTS)));
        let older = (-seconds(elapsed_ms) / memory).exp();
        (older, memory * (1.0 - older))
    }
}

fn seconds(ms: u64) -> f64 {
    float(ms) / 1_000.0
}

/// More than four billions are counted as that: as milliseconds these are 49 days without a count.
fn float(number: u64) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Counts `per_step` each `step_ms`, for `steps`; hands back the time and the count.
    fn run(
        rate: &mut Rate,
        from: (u64, u64),
        per_step: u64,
        step_ms: u64,
        steps: u64,
    ) -> (u64, u64) {
        for step in 1..=steps {
            rate.count(from.1 + step * per_step, from.0 + step * step_ms);
        }
        (from.0 + steps * step_ms, from.1 + steps * per_step)
    }

    fn rounded(rate: Option<f64>) -> String {
        rate.map_or_else(|| "unknown".into(), |rate| format!("{rate:.1}"))
    }

    #[test]
    fn a_steady_rate_is_known_soon_and_stays() {
        let mut rate = Rate::begin(0, 0);
        let (now, done) = run(&mut rate, (0, 0), 5, 500, 4);
        assert_eq!(rounded(rate.per_second(now)), "unknown");
        let (now, done) = run(&mut rate, (now, done), 5, 500, 4);
        assert_eq!(rounded(rate.per_second(now)), "10.0");
        assert_eq!(rate.left_ms(1_000, now), None, "a guess");
        let (now, done) = run(&mut rate, (now, done), 5, 500, 112);
        assert_eq!((now, done), (60_000, 600));
        assert_eq!(rounded(rate.per_second(now)), "10.0");
        assert_eq!(rate.left_ms(1_000, now), Some(40_000));
        // Between two counts, it only comes nearer.
        assert_eq!(rate.left_ms(1_000, now + 400), Some(39_600));
        assert_eq!(rate.left_ms(600, now), None, "nothing is left");
        assert_eq!(rate.left_ms(0, now), None, "the total is unknown");
    }

    #[test]
    fn what_slows_down_is_told_slower_within_a_minute() {
        let mut rate = Rate::begin(0, 0);
        let (now, done) = run(&mut rate, (0, 0), 100, 1_000, 120);
        assert_eq!(rounded(rate.per_second(now)), "100.0");
        let (now, done) = run(&mut rate, (now, done), 10, 1_000, 30);
        assert_eq!(rounded(rate.per_second(now)), "42.7");
        let (now, done) = run(&mut rate, (now, done), 10, 1_000, 60);
        assert_eq!(rounded(rate.per_second(now)), "14.4");
        assert_eq!(
            rate.left_ms(done + 1_000, now).map(|ms| ms / 1_000),
            Some(69)
        );
    }

    #[test]
    fn what_stands_still_has_no_end_and_goes_on_where_it_was() {
        let mut rate = Rate::begin(0, 0);
        let (now, done) = run(&mut rate, (0, 0), 10, 1_000, 60);
        assert_eq!(rate.left_ms(1_200, now), Some(60_000));
        let later = rate.left_ms(1_200, now + 30_000).unwrap();
        assert!(later > 120_000, "{later}");
        assert_eq!(rate.still_ms(now + 59_000), None);
        assert_eq!(rate.still_ms(now + 61_000), Some(61_000));
        assert_eq!(rate.left_ms(1_200, now + 61_000), None);
        let (now, _) = run(&mut rate, (now + 120_000, done), 10, 1_000, 120);
        assert_eq!(rounded(rate.per_second(now)), "9.8");
    }

    #[test]
    fn rare_counts_are_no_standstill() {
        let mut rate = Rate::begin(0, 0);
        // One room in five minutes.
        let (now, _) = run(&mut rate, (0, 0), 1, 300_000, 6);
        assert_eq!(rate.left_ms(10, now).map(|ms| ms / 60_000), Some(20));
        assert_eq!(
            rate.left_ms(10, now + 240_000).map(|ms| ms / 60_000),
            Some(16)
        );
        assert_eq!(rate.still_ms(now + 300_000), None);
        assert_eq!(rate.still_ms(now + 600_000), Some(600_000));
    }

    #[test]
    fn a_total_that_grows_moves_the_end() {
        let mut rate = Rate::begin(0, 0);
        let (now, _) = run(&mut rate, (0, 0), 10, 1_000, 20);
        assert_eq!(rate.left_ms(300, now), Some(10_000));
        assert_eq!(rate.left_ms(1_200, now), Some(100_000));
    }

    #[test]
    fn a_burst_is_forgotten() {
        let mut rate = Rate::begin(0, 0);
        // What an earlier run has done goes by at once.
        for done in 1..=1_000 {
            rate.count(done, 10);
        }
        let (now, _) = run(&mut rate, (10, 1_000), 1, 1_000, 300);
        assert_eq!(rounded(rate.per_second(now)), "1.0");
    }

    proptest! {
        #[test]
        fn any_counts_at_any_times_are_survived(counts in prop::collection::vec((any::<u64>(), any::<u64>()), 0..20), now: u64, total: u64) {
            let mut rate = Rate::begin(0, 0);
            for (done, at) in counts {
                rate.count(done, at);
                let per_second = rate.per_second(now);
                prop_assert!(per_second.is_none_or(|rate| rate.is_finite() && rate > 0.0));
                let _any = (rate.left_ms(total, now), rate.still_ms(now));
            }
        }
    }
}
