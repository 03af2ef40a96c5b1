//! Items that are worked on by a crew, some together.

use std::mem;

use super::crew::{Crew, Threads};

/// Items that are worked on together, and handed over together.
const TOGETHER: usize = 500;
/// The same as a bound of memory: an event has up to 64 KiB.
const BYTES: usize = 1024 * 1024;

/// Items go in one by one, and their results come out, in the same order, some at a time.
pub(super) struct Batches<I, O> {
    crew: Crew<Vec<O>>,
    next: Vec<I>,
    bytes: usize,
}

impl<I: Send + 'static, O: Send + 'static> Batches<I, O> {
    pub(super) fn new(threads: Threads) -> Self {
        Self {
            crew: Crew::new(threads),
            next: Vec::new(),
            bytes: 0,
        }
    }

    /// Forgets what is left of work that was given up.
    pub(super) fn clear(&mut self) {
        self.crew.clear();
        self.next.clear();
        self.bytes = 0;
    }

    /// Takes an item of so many bytes; sometimes earlier ones are done.
    pub(super) fn give<W>(&mut self, item: I, bytes: usize, work: &W) -> Option<Vec<O>>
    where
        W: Fn(I) -> O + Clone + Send + 'static,
    {
        self.bytes += bytes;
        self.next.push(item);
        if self.next.len() < TOGETHER && self.bytes < BYTES {
            return None;
        }
        self.send(work)
    }

    /// The results that are not out yet, until there are none.
    pub(super) fn rest<W>(&mut self, work: &W) -> Option<Vec<O>>
    where
        W: Fn(I) -> O + Clone + Send + 'static,
    {
        if self.next.is_empty() {
            return self.crew.take();
        }
        // At the crew's bound, the oldest come back at once; below it, the loop comes here again.
        Some(self.send(work).unwrap_or_default())
    }

    fn send<W>(&mut self, work: &W) -> Option<Vec<O>>
    where
        W: Fn(I) -> O + Clone + Send + 'static,
    {
        self.bytes = 0;
        let items = mem::take(&mut self.next);
        let work = work.clone();
        self.crew
            .give(move || items.into_iter().map(work).collect())
    }
}
