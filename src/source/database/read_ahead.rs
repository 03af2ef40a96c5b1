//! A database file is brought into the system's cache in its own order, ahead of those who read it in another.
//!
//! Rooms have their events all over the file: from a disk, some kilobytes at a time, this takes several times as long as
//! reading the file from its beginning to its end.

use std::{
    fs::{self, File},
    num::NonZero,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use rustix::fs::{Advice, fadvise};

/// Bytes that are asked for at once.
const STEP: NonZero<u64> = NonZero::new(4 * 1024 * 1024).unwrap();

/// A thread that asks for the file; it ends with this value.
pub(super) struct ReadAhead(Arc<AtomicBool>);

impl ReadAhead {
    /// Begins, if the file takes no more than half of the memory that is there for it. Whatever fails only means that
    /// the file is not read ahead.
    pub(super) fn begin(path: &Path) -> Option<Self> {
        let length = fs::metadata(path).ok()?.len();
        if length > available()? / 2 {
            return None;
        }
        let file = File::open(path).ok()?;
        let ended = Arc::new(AtomicBool::new(false));
        let has_ended = Arc::clone(&ended);
        thread::spawn(move || {
            let mut offset = 0;
            while offset < length
                && !has_ended.load(Ordering::Relaxed)
                && fadvise(&file, offset, Some(STEP), Advice::WillNeed).is_ok()
            {
                offset += STEP.get();
            }
        });
        Some(Self(ended))
    }
}

impl Drop for ReadAhead {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Bytes of memory that programs and the cache can have; only Linux says.
fn available() -> Option<u64> {
    let memory = fs::read_to_string("/proc/meminfo").ok()?;
    let line = memory
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    kib.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_into_memory_is_read_ahead() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("homeserver.db");
        assert!(ReadAhead::begin(&path).is_none(), "no such file");
        let file = File::create(&path).unwrap();
        file.set_len(3 * STEP.get() / 2).unwrap();
        assert!(ReadAhead::begin(&path).is_some());
        // A hole takes no room on the disk.
        file.set_len(available().unwrap()).unwrap();
        assert!(ReadAhead::begin(&path).is_none(), "too large");
    }
}
