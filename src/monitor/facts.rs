//! Collects what `/metrics` tells.

use std::{collections::BTreeMap, fs, path::Path};

use super::{
    Monitor,
    metrics::{Facts, JOBS},
};
use crate::{
    audit,
    operation::{broken_off, lock, posted},
    report::steering,
};

/// So many of the newest orders are looked through for jobs that ended well.
const ORDERS: usize = 1_000;

impl Monitor {
    /// What is so now. Files are read on a thread that may block.
    pub(super) async fn facts(&self) -> Facts {
        let now = self.engine.clock.now_ms();
        let engine = self.engine.clone();
        let read = tokio::task::spawn_blocking(move || {
            let dir = &engine.config.data_dir;
            (engine.status(), successes(dir), lock::running(dir))
        });
        let (status, successes, job) = match read.await {
            Ok((status, successes, job)) => (status, successes, job),
            Err(_) => (Err(broken_off("metrics")), BTreeMap::new(), None),
        };
        Facts {
            live: self.health.live().is_ok(),
            ready: self.health.ready().is_ok(),
            job: job.map(|job| job.name),
            counts: posted(&self.board).map(|progress| progress.counts(now)),
            status: status
                .inspect_err(|error| tracing::warn!("the metrics lack the ledger: {error}"))
                .ok(),
            successes,
            tally: self.health.tally(),
            memory: memory(),
        }
    }
}

/// When each job last ended with nothing undone, also in the shell, in milliseconds since the Unix epoch.
fn successes(data_dir: &Path) -> BTreeMap<&'static str, u64> {
    let good = steering::outcome(Ok(true));
    let entries = audit::newest(data_dir, ORDERS).unwrap_or_default();
    let mut successes = BTreeMap::new();
    for entry in entries {
        let job = entry
            .order
            .split_whitespace()
            .find_map(|word| JOBS.into_iter().find(|job| *job == word));
        if let (Some(job), Some((outcome, after))) = (job, entry.end)
            && outcome == good
        {
            let ended = entry.ts + after;
            successes
                .entry(job)
                .and_modify(|last: &mut u64| *last = ended.max(*last))
                .or_insert(ended);
        }
    }
    successes
}

/// The process's resident memory in bytes, where the system tells it (`proc_pid_status(5)`).
fn memory() -> Option<u64> {
    let text = fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kib * 1_024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_good_end_of_each_job_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let order = |ts, words: &str, end: Option<(u64, &str)>| {
            let noted = audit::begin(dir.path(), ts, "the shell", words).unwrap();
            if let Some((ts, outcome)) = end {
                audit::end(dir.path(), noted, ts, outcome).unwrap();
            }
        };
        order(1, "--config x export --out y", Some((5, "done")));
        order(6, "export", Some((9, "failed: no")));
        order(10, "!ferry import", Some((12, "done")));
        order(13, "import", Some((14, "done, not all is good")));
        order(15, "plan", Some((16, "done")));
        order(17, "verify", None);
        let successes = successes(dir.path());
        assert_eq!(successes, BTreeMap::from([("export", 5), ("import", 12)]));
    }

    #[test]
    fn this_process_has_memory() {
        assert!(memory().unwrap() > 1_000_000);
    }
}
