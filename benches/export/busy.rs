//! How much processor time a process has had, from `/proc`.

use anyhow::{Context as _, Result};

/// Ticks per second in `/proc/<pid>/stat`: 100 on every Linux that Rust runs on.
const TICKS: f64 = 100.0;

/// Seconds of processor time, in user mode and in the kernel.
pub(crate) fn seconds(process_id: u32) -> Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{process_id}/stat"))?;
    // The name before the last bracket may hold blanks.
    let (_, fields) = stat.rsplit_once(')').context("no name in stat")?;
    let field = |index: usize| -> Result<f64> {
        let text = fields.split_whitespace().nth(index);
        Ok(text.context("a short line in stat")?.parse()?)
    };
    // Fields 14 and 15 of `man proc_pid_stat`; the first one here is field 3.
    Ok((field(11)? + field(12)?) / TICKS)
}

/// The most memory that a process has had, in MiB; none once it is gone.
pub(crate) fn peak_mib(process_id: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process_id}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib / 1024)
}
