//! Which encrypted values were read before. Sled keeps several copies of a row, and each takes some ten microseconds.

use std::sync::atomic::{AtomicU64, Ordering};

/// Places: 8 MiB, whatever the size of the store.
const PLACES: usize = 1 << 20;

/// The last fingerprint for each place. One that was pushed out by another costs its value being read once more.
pub(super) struct Seen(Box<[AtomicU64]>);

impl Seen {
    pub(super) fn new() -> Self {
        Self((0..PLACES).map(|_| AtomicU64::new(0)).collect())
    }

    /// Whether it was added before.
    pub(super) fn has(&self, fingerprint: u64) -> bool {
        // An empty place has a zero.
        fingerprint != 0
            && self
                .place(fingerprint)
                .is_some_and(|place| place.load(Ordering::Relaxed) == fingerprint)
    }

    /// Adds one whose value was read to the end: a damaged copy has the fingerprint of an intact one.
    pub(super) fn add(&self, fingerprint: u64) {
        if let Some(place) = self.place(fingerprint) {
            place.store(fingerprint, Ordering::Relaxed);
        }
    }

    fn place(&self, fingerprint: u64) -> Option<&AtomicU64> {
        let last = u64::try_from(PLACES).ok()? - 1;
        self.0.get(usize::try_from(fingerprint & last).ok()?)
    }
}
