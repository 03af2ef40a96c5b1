//! One measurement.

use std::{
    process::{Command, ExitStatus},
    time::{Duration, Instant},
};

use anyhow::Result;

use crate::busy;

/// How often the memory of a running command is looked at.
const LOOK: Duration = Duration::from_millis(10);

/// What a command took.
pub(crate) struct Measured {
    /// From start to end.
    pub(crate) seconds: f64,
    /// Processor time of Synapse, as a part of these seconds.
    pub(crate) busy: f64,
    /// Resident memory of the command.
    pub(crate) peak_mib: u64,
    /// Bytes of the bundle.
    pub(crate) bytes: u64,
    /// How it ended.
    pub(crate) status: ExitStatus,
}

impl Measured {
    /// Runs a command while Synapse is the process `synapse`.
    pub(crate) fn of(command: &mut Command, synapse: u32) -> Result<Self> {
        let (before, started) = (busy::seconds(synapse)?, Instant::now());
        let mut child = command.spawn()?;
        let mut peak_mib = 0;
        let status = loop {
            peak_mib = busy::peak_mib(child.id()).unwrap_or_default().max(peak_mib);
            if let Some(status) = child.try_wait()? {
                break status;
            }
            std::thread::sleep(LOOK);
        };
        let seconds = started.elapsed().as_secs_f64();
        Ok(Self {
            seconds,
            busy: (busy::seconds(synapse)? - before) / seconds,
            peak_mib,
            bytes: 0,
            status,
        })
    }

    /// The one in the middle, by its time.
    pub(crate) fn median(mut all: Vec<Self>) -> Self {
        all.sort_by(|one, other| one.seconds.total_cmp(&other.seconds));
        let middle = all.len() / 2;
        all.swap_remove(middle)
    }

    /// A line of the table.
    pub(crate) fn row(&self, name: &str, first: Option<f64>) -> String {
        let ratio = first.map_or(1.0, |first| first / self.seconds);
        let against = if ratio >= 1.0 {
            format!("{ratio:.1} times as fast")
        } else {
            format!("{:.1} times as long", 1.0 / ratio)
        };
        let failed = if self.status.success() {
            ""
        } else {
            " (with problems)"
        };
        format!(
            "| {name}{failed} | {:.1} | {against} | {:.0} % | {} MiB | {} MB |",
            self.seconds,
            self.busy * 100.0,
            self.peak_mib,
            self.bytes / 1_000_000
        )
    }
}
