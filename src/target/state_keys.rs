//! Which pairs of event type and state key the target has met, so that no two requests bring it the same new one at once.
//!
//! Tuwunel before 1.9.0 numbers each pair when it first meets it, and looks and writes without a lock
//! (`get_or_create_shortstatekey` in `src/service/rooms/short/mod.rs` of 1.4.6). Of two rooms that bring a new pair at the
//! same moment each gets a number of its own, and only one of these is remembered: the other room has lost that piece of
//! its state, often somebody's membership, for good. Whoever brings a pair that is on its way already waits here until it
//! has arrived.
//!
//! Two things stay open: a request whose answer is lost may still be at work when the next one begins, and a target that is
//! killed may forget what it has written last. A deep comparison sees what is lost (`migration/by_key.rs`).

use std::{
    collections::HashSet,
    hash::{BuildHasher, RandomState},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

/// What one run has brought; clones share it. A pair is kept as eight bytes.
#[derive(Debug, Clone, Default)]
pub struct StateKeys(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    pairs: Mutex<Pairs>,
    freed: Notify,
    hasher: RandomState,
}

#[derive(Debug, Default)]
struct Pairs {
    met: HashSet<u64>,
    on_their_way: HashSet<u64>,
}

/// New pairs on their way to the target. Dropped without [`Bringing::met`], they count as new still.
#[derive(Debug)]
pub struct Bringing {
    shared: Arc<Shared>,
    pairs: Vec<u64>,
}

impl StateKeys {
    /// Waits until none of these pairs of type and state key, if it is new, is on its way with somebody else.
    pub async fn bring<'a>(&self, pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Bringing {
        let pairs: HashSet<u64> = pairs
            .into_iter()
            .map(|pair| self.0.hasher.hash_one(pair))
            .collect();
        loop {
            let mut freed = std::pin::pin!(self.0.freed.notified());
            // Before it is looked, so that nothing that is freed meanwhile is missed.
            freed.as_mut().enable();
            if let Some(bringing) = self.take(&pairs) {
                return bringing;
            }
            freed.await;
        }
    }

    /// All of them, or none: two who wait for each other would wait for ever.
    fn take(&self, pairs: &HashSet<u64>) -> Option<Bringing> {
        let mut known = self.0.lock();
        let new: Vec<u64> = pairs.difference(&known.met).copied().collect();
        if new.iter().any(|pair| known.on_their_way.contains(pair)) {
            return None;
        }
        known.on_their_way.extend(&new);
        Some(Bringing {
            shared: Arc::clone(&self.0),
            pairs: new,
        })
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Pairs> {
        // Whoever panicked has left no pair half noted.
        self.pairs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Bringing {
    /// The target has them.
    pub fn met(self) {
        self.shared.lock().met.extend(&self.pairs);
    }
}

impl Drop for Bringing {
    fn drop(&mut self) {
        let mut known = self.shared.lock();
        for pair in &self.pairs {
            known.on_their_way.remove(pair);
        }
        drop(known);
        self.shared.freed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use std::{
        collections::BTreeMap,
        sync::atomic::{AtomicUsize, Ordering},
    };

    use futures::{FutureExt, future::join_all};
    use rand::{Rng as _, SeedableRng, rngs::SmallRng};

    use super::*;

    const MEMBER: &str = "m.room.member";

    #[tokio::test]
    async fn only_what_is_new_to_both_is_waited_for() {
        let keys = StateKeys::default();
        let first = keys.bring([(MEMBER, "@a:x"), (MEMBER, "@b:x")]).await;
        let is_free = |pair| keys.bring([pair]).now_or_never().is_some();
        assert!(is_free((MEMBER, "@c:x")) && is_free(("m.space.child", "@a:x")));
        assert!(!is_free((MEMBER, "@a:x")));
        let mut second = Box::pin(keys.bring([(MEMBER, "@b:x"), (MEMBER, "@c:x")]));
        assert!((&mut second).now_or_never().is_none());
        // Who waits holds nothing.
        assert!(is_free((MEMBER, "@c:x")));
        first.met();
        let second = second.await;
        assert!(is_free((MEMBER, "@a:x")) && is_free((MEMBER, "@b:x")));
        assert!(!is_free((MEMBER, "@c:x")));
        drop(second);
        let third = keys.bring([(MEMBER, "@c:x")]).await;
        assert_eq!(third.pairs.len(), 1, "it never arrived");
    }

    /// The target as 1.4.6 is: it looks, and later writes.
    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn no_pair_gets_two_numbers() {
        let keys = StateKeys::default();
        let numbers = Mutex::new(BTreeMap::<String, usize>::new());
        let (next, twice) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let rooms = (0..40_u64).map(|room| {
            let (keys, numbers, next, twice) = (&keys, &numbers, &next, &twice);
            async move {
                let mut random = SmallRng::seed_from_u64(room);
                let users: Vec<String> = (0..30)
                    .map(|_| format!("@{}:x", random.random_range(0..60)))
                    .collect();
                let pairs = users.iter().map(|user| (MEMBER, user.as_str()));
                let bringing = keys.bring(pairs).await;
                for user in &users {
                    let is_there = numbers.lock().unwrap().contains_key(user);
                    tokio::task::yield_now().await;
                    if !is_there {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        let before = numbers.lock().unwrap().insert(user.clone(), number);
                        twice.fetch_add(usize::from(before.is_some()), Ordering::Relaxed);
                    }
                }
                bringing.met();
            }
        });
        join_all(rooms).await;
        assert_eq!(twice.into_inner(), 0);
        assert!(keys.0.lock().on_their_way.is_empty());
    }
}
