//! How many wrong passwords somebody may try: some at once, then one in a while.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// The most keys that are remembered; one that has all its tries again is forgotten.
const KEYS: usize = 100_000;

/// Tries by account, or by address.
pub(super) struct Limiter<K> {
    at_once: u64,
    every_ms: u64,
    /// When each will have all its tries again, in milliseconds since the epoch.
    full_again: Mutex<HashMap<K, u64>>,
}

impl<K: Eq + Hash> Limiter<K> {
    /// `at_once` tries, each of which comes back after `every`.
    pub(super) fn new(at_once: u64, every: Duration) -> Self {
        Self {
            at_once,
            every_ms: u64::try_from(every.as_millis()).unwrap_or(u64::MAX),
            full_again: Mutex::default(),
        }
    }

    /// Takes one try; the error is how long it takes until there is one.
    pub(super) fn take(&self, key: K, now_ms: u64) -> Result<(), Duration> {
        let mut all = self
            .full_again
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if all.len() >= KEYS && !all.contains_key(&key) {
            all.retain(|_, full| *full > now_ms);
            if all.len() >= KEYS {
                return Err(Duration::from_millis(self.every_ms));
            }
        }
        let full = all.entry(key).or_insert(now_ms);
        let from = (*full).max(now_ms);
        let room = (self.at_once - 1) * self.every_ms;
        let wait = (from - now_ms).saturating_sub(room);
        if wait > 0 {
            return Err(Duration::from_millis(wait));
        }
        *full = from + self.every_ms;
        Ok(())
    }

    /// Gives a try back: it was not wrong.
    pub(super) fn give_back(&self, key: &K) {
        let mut all = self
            .full_again
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(full) = all.get_mut(key) {
            *full = full.saturating_sub(self.every_ms);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_at_once_and_then_one_in_a_while() {
        let limiter = Limiter::new(3, Duration::from_secs(10));
        for _ in 0..3 {
            assert_eq!(limiter.take("a", 1_000_000), Ok(()));
        }
        assert_eq!(limiter.take("a", 1_000_000), Err(Duration::from_secs(10)));
        assert_eq!(limiter.take("a", 1_004_000), Err(Duration::from_secs(6)));
        // Another one's tries are its own.
        assert_eq!(limiter.take("b", 1_004_000), Ok(()));
        assert_eq!(limiter.take("a", 1_010_000), Ok(()));
        assert!(limiter.take("a", 1_010_000).is_err());
        limiter.give_back(&"a");
        assert_eq!(limiter.take("a", 1_010_000), Ok(()));
        // After a long time there are three again, and no more.
        for _ in 0..3 {
            assert_eq!(limiter.take("a", 9_000_000), Ok(()));
        }
        assert!(limiter.take("a", 9_000_000).is_err());
    }

    #[test]
    fn memory_is_bounded() {
        let limiter = Limiter::new(1, Duration::from_secs(10));
        for key in 0..KEYS {
            assert_eq!(limiter.take(key, 1_000), Ok(()));
        }
        assert_eq!(limiter.take(KEYS, 1_000), Err(Duration::from_secs(10)));
        assert_eq!(limiter.take(KEYS, 20_000), Ok(()));
        assert_eq!(limiter.full_again.lock().unwrap().len(), 1);
    }
}
