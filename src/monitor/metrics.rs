//! `/metrics`: Prometheus' text format. Names stay; no label holds a user, a room or a secret.

use std::collections::BTreeMap;

use prometheus::{IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder};

use super::health::Tally;
use crate::{job::Phase, migration::outcome::Status, report::progress::Counts};

/// The type of the answer.
pub const CONTENT_TYPE: &str = prometheus::TEXT_FORMAT;

/// Jobs that are told also when they don't run.
pub const JOBS: [&str; 4] = ["export", "import", "sync", "verify"];

/// What is so at one moment.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// Whether the loop turns.
    pub live: bool,
    /// Whether the bot can obey.
    pub ready: bool,
    /// The job that runs on this installation, in whatever process.
    pub job: Option<String>,
    /// How far the job is, if it runs in this process.
    pub counts: Option<Counts>,
    /// What the ledger says; nothing if it can't be read.
    pub status: Option<Status>,
    /// When each job last ended with nothing undone, in milliseconds since the Unix epoch.
    pub successes: BTreeMap<&'static str, u64>,
    /// What the bot has counted.
    pub tally: Tally,
    /// The process's resident memory in bytes, if that is known.
    pub memory: Option<u64>,
}

/// The page.
pub fn text(facts: &Facts) -> prometheus::Result<String> {
    let page = Page(Registry::new());
    let version = page.family(
        "ferryman_build_info",
        "The program's version.",
        &["version"],
    )?;
    version
        .with_label_values(&[env!("CARGO_PKG_VERSION")])
        .set(1);
    page.one(
        "ferryman_live",
        "Whether the bot's loop turns.",
        facts.live.into(),
    )?;
    page.one(
        "ferryman_ready",
        "Whether the bot can obey.",
        facts.ready.into(),
    )?;
    if let Some(bytes) = facts.memory {
        page.one(
            "ferryman_memory_bytes",
            "Resident memory of the process.",
            bytes,
        )?;
    }
    bot(&page, &facts.tally)?;
    jobs(&page, facts)?;
    if let Some(counts) = &facts.counts {
        phase(&page, counts)?;
    }
    ledger(&page, facts.status.as_ref())?;
    TextEncoder::new().encode_to_string(&page.0.gather())
}

fn bot(page: &Page, tally: &Tally) -> prometheus::Result<()> {
    page.counters(
        "ferryman_commands_total",
        "Commands of the control room by how they ended, since the start.",
        "outcome",
        &[
            ("good", tally.good),
            ("incomplete", tally.incomplete),
            ("failed", tally.failed),
            ("refused", tally.refused),
        ],
    )?;
    page.counters(
        "ferryman_transactions_total",
        "Transactions of the target, since the start.",
        "outcome",
        &[
            ("kept", tally.transactions),
            ("failed", tally.transactions_failed),
        ],
    )?;
    page.one(
        "ferryman_last_transaction_timestamp_seconds",
        "When the target's last transaction was kept; 0 before the first.",
        tally.transaction_ts / 1_000,
    )?;
    page.one(
        "ferryman_last_heartbeat_timestamp_seconds",
        "When the target last answered the bot's heartbeat; 0 before that.",
        tally.heartbeat_ts / 1_000,
    )
}

fn jobs(page: &Page, facts: &Facts) -> prometheus::Result<()> {
    let running = page.family(
        "ferryman_job_running",
        "Whether the job runs, here or in another process of this installation.",
        &["job"],
    )?;
    for job in JOBS.into_iter().chain(facts.job.as_deref()) {
        let runs = facts.job.as_deref() == Some(job);
        running.with_label_values(&[job]).set(runs.into());
    }
    let success = page.family(
        "ferryman_job_last_success_timestamp_seconds",
        "When the job last ended with nothing undone, also in the shell; 0 if never.",
        &["job"],
    )?;
    for job in JOBS {
        let ended = facts.successes.get(job).copied().unwrap_or_default();
        success.with_label_values(&[job]).set(signed(ended / 1_000));
    }
    Ok(())
}

/// The running job, as far as it runs in this process.
fn phase(page: &Page, counts: &Counts) -> prometheus::Result<()> {
    let word = counts.phase.map(Phase::word).unwrap_or_default();
    let done = page.family(
        "ferryman_phase_done",
        "Units of the running job's phase that are through.",
        &["phase"],
    )?;
    done.with_label_values(&[&word]).set(signed(counts.done));
    let all = page.family(
        "ferryman_phase_units",
        "Units of the running job's phase; 0 where they are not known.",
        &["phase"],
    )?;
    all.with_label_values(&[&word]).set(signed(counts.total));
    for (name, help, value) in [
        (
            "ferryman_job_events",
            "Events of the running job that are through, those of earlier runs included.",
            counts.events,
        ),
        (
            "ferryman_job_events_expected",
            "Events that its phase works through in all; 0 where that is not known.",
            counts.events_total.unwrap_or_default(),
        ),
        (
            "ferryman_job_bytes",
            "Bytes of media that it has carried in this run.",
            counts.bytes.unwrap_or_default(),
        ),
        (
            "ferryman_job_bytes_expected",
            "Bytes of media that were left when it began.",
            counts.bytes_total.unwrap_or_default(),
        ),
        (
            "ferryman_sync_lag_milliseconds",
            "How long the latest events took from Synapse to the target (the median), while `sync --follow` runs; else 0.",
            counts.lag.and_then(|lag| lag.median_ms).unwrap_or_default(),
        ),
        (
            "ferryman_sync_rooms_waiting",
            "Rooms that wait for the next whole sync, while `sync --follow` runs.",
            counts.lag.map_or(0, |lag| lag.rooms_waiting),
        ),
        (
            "ferryman_job_problems",
            "What the running job could not do so far.",
            counts.problems,
        ),
        (
            "ferryman_job_paused",
            "Whether it waits because somebody asked it to.",
            counts.paused.into(),
        ),
        (
            "ferryman_job_started_timestamp_seconds",
            "When the running job began.",
            counts.started_ts / 1_000,
        ),
    ] {
        page.one(name, help, value)?;
    }
    Ok(())
}

fn ledger(page: &Page, status: Option<&Status>) -> prometheus::Result<()> {
    page.one(
        "ferryman_ledger_readable",
        "Whether the ledger can be read.",
        status.is_some().into(),
    )?;
    let Some(status) = status else {
        return Ok(());
    };
    for (name, help, value) in [
        (
            "ferryman_accounts_done",
            "Accounts that are carried over.",
            status.accounts.0,
        ),
        (
            "ferryman_accounts",
            "Accounts of the bundle that are to be carried over.",
            status.accounts.1,
        ),
        (
            "ferryman_rooms_done",
            "Rooms that are carried over.",
            status.rooms.0,
        ),
        (
            "ferryman_rooms",
            "Rooms of the bundle that are to be carried over.",
            status.rooms.1,
        ),
        (
            "ferryman_media_files_done",
            "Media files that are carried over.",
            status.media.0,
        ),
        (
            "ferryman_media_files",
            "Media files of the bundle that are to be carried over.",
            status.media.1,
        ),
        (
            "ferryman_events_done",
            "Events that are carried over.",
            status.events,
        ),
        (
            "ferryman_steps_failed",
            "What could not be carried over so far.",
            status.failed,
        ),
    ] {
        page.one(name, help, value)?;
    }
    Ok(())
}

struct Page(Registry);

impl Page {
    fn one(&self, name: &str, help: &str, value: u64) -> prometheus::Result<()> {
        let gauge = IntGauge::new(name, help)?;
        gauge.set(signed(value));
        self.0.register(Box::new(gauge))
    }

    fn family(&self, name: &str, help: &str, labels: &[&str]) -> prometheus::Result<IntGaugeVec> {
        let family = IntGaugeVec::new(Opts::new(name, help), labels)?;
        self.0.register(Box::new(family.clone()))?;
        Ok(family)
    }

    fn counters(
        &self,
        name: &str,
        help: &str,
        label: &str,
        values: &[(&str, u64)],
    ) -> prometheus::Result<()> {
        let family = IntCounterVec::new(Opts::new(name, help), &[label])?;
        for (value, count) in values {
            family.with_label_values(&[value]).inc_by(*count);
        }
        self.0.register(Box::new(family))
    }
}

fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
