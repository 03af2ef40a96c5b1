//! How long events took from Synapse to the target.

use std::collections::VecDeque;

/// Events by which the present is judged.
const RECENT: usize = 200;

/// Steps of the tally, in milliseconds.
const STEP: u64 = 20;

/// What takes longer than a minute is counted as one.
const STEPS: u64 = 60_000 / STEP;

/// All of them, in steps of 20 milliseconds; the latest also one by one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Lags {
    recent: VecDeque<u64>,
    tally: Vec<u64>,
    longest: u64,
}

impl Default for Lags {
    fn default() -> Self {
        Self {
            recent: VecDeque::new(),
            tally: vec![0; usize::try_from(STEPS + 1).unwrap_or_default()],
            longest: 0,
        }
    }
}

impl Lags {
    /// One more event, with its milliseconds.
    pub(super) fn add(&mut self, lag_ms: u64) {
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(lag_ms);
        let step = usize::try_from((lag_ms / STEP).min(STEPS)).unwrap_or_default();
        if let Some(count) = self.tally.get_mut(step) {
            *count += 1;
        }
        self.longest = self.longest.max(lag_ms);
    }

    /// How many there were.
    pub(super) fn count(&self) -> u64 {
        self.tally.iter().sum()
    }

    /// The median of the latest ones.
    pub(super) fn recent_ms(&self) -> Option<u64> {
        let mut recent: Vec<_> = self.recent.iter().copied().collect();
        recent.sort_unstable();
        recent.get(recent.len() / 2).copied()
    }

    /// What so many of a hundred did not take longer than, to the step.
    pub(super) fn within_ms(&self, percent: u64) -> Option<u64> {
        let wanted = (self.count() * percent).div_ceil(100).max(1);
        let mut passed = 0;
        let step = self.tally.iter().position(|count| {
            passed += count;
            passed >= wanted
        })?;
        Some((step as u64 * STEP).min(self.longest))
    }

    /// The longest.
    pub(super) fn longest_ms(&self) -> u64 {
        self.longest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_and_ends() {
        let mut lags = Lags::default();
        assert_eq!((lags.recent_ms(), lags.within_ms(50)), (None, None));
        for lag in 0..1000 {
            lags.add(lag);
        }
        lags.add(3_600_000);
        assert_eq!(lags.count(), 1001);
        assert_eq!(lags.within_ms(50), Some(500));
        assert_eq!(lags.within_ms(95), Some(940));
        assert_eq!(lags.within_ms(100), Some(60_000));
        assert_eq!(lags.recent_ms(), Some(901));
        assert_eq!(lags.longest_ms(), 3_600_000);
    }
}
