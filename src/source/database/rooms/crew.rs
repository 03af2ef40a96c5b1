//! Work on all cores whose results come back in the order in which it was given.

use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{Arc, mpsc},
    thread,
};

use rayon::iter::{IntoParallelIterator, ParallelIterator};

use crate::{Error, Result};

/// Work that waits or is done and not yet taken back, for each core: this bounds the memory.
const AHEAD: usize = 3;

/// As many threads as there are cores. Cheap to clone.
#[derive(Clone)]
pub(super) struct Threads(Arc<rayon::ThreadPool>);

impl Threads {
    /// Starts them.
    pub(super) fn new() -> Result<Self> {
        let threads = rayon::ThreadPoolBuilder::new()
            .thread_name(|_| "events".to_owned())
            .build()
            .map_err(|error| Error::file("threads")(std::io::Error::other(error)))?;
        Ok(Self(Arc::new(threads)))
    }

    /// Works on all items, and waits until that is done.
    pub(super) fn each<I: Send, O: Send>(
        &self,
        items: Vec<I>,
        work: impl Fn(I) -> O + Send + Sync,
    ) -> Vec<O> {
        self.0.install(|| items.into_par_iter().map(work).collect())
    }
}

/// Work that was given to threads.
pub(super) struct Crew<T> {
    threads: Threads,
    given: VecDeque<mpsc::Receiver<thread::Result<T>>>,
    most: usize,
}

impl<T: Send + 'static> Crew<T> {
    /// One without work.
    pub(super) fn new(threads: Threads) -> Self {
        Self {
            most: threads.0.current_num_threads() * AHEAD,
            threads,
            given: VecDeque::new(),
        }
    }

    /// Gives some work; if there is much of it already, the oldest is waited for and its result taken back.
    pub(super) fn give(&mut self, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        let oldest = (self.given.len() >= self.most)
            .then(|| self.take())
            .flatten();
        let (done, result) = mpsc::sync_channel(1);
        self.threads.0.spawn_fifo(move || {
            // Nobody waits any more when the export was stopped.
            let _unwanted = done.send(catch_unwind(AssertUnwindSafe(work)));
        });
        self.given.push_back(result);
        oldest
    }

    /// The result of the oldest work, which is waited for; `None` when there is no more.
    pub(super) fn take(&mut self) -> Option<T> {
        match self.given.pop_front()?.recv() {
            Ok(Ok(result)) => Some(result),
            Ok(Err(panic)) => resume_unwind(panic),
            Err(_) => None,
        }
    }

    /// Forgets what is left of work that was given up.
    pub(super) fn clear(&mut self) {
        self.given.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_order_and_none_is_lost() {
        let mut crew = Crew::new(Threads::new().unwrap());
        let mut results = Vec::new();
        for number in 0..100_u64 {
            results.extend(crew.give(move || {
                thread::sleep(std::time::Duration::from_micros(number * 7919 % 500));
                number
            }));
            assert!(crew.given.len() <= crew.most);
        }
        while let Some(result) = crew.take() {
            results.push(result);
        }
        assert_eq!(results, (0..100).collect::<Vec<_>>());
    }

    #[test]
    #[should_panic(expected = "broken")]
    fn a_panic_is_handed_on() {
        let mut crew = Crew::<()>::new(Threads::new().unwrap());
        crew.give(|| panic!("broken"));
        crew.take();
    }
}
