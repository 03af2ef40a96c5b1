//! What systemd is told (`sd_notify(3)`): ready, the job's line, that the loop turns, and the end.

use std::time::Duration;

use sd_notify::NotifyState;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::Monitor;
use crate::operation::{lock, posted};

/// How often it is looked whether there is news.
const LOOK: Duration = Duration::from_secs(1);

/// A job's line changes with every event: systemd need not have each. Told again, an old line does no harm.
const STATUS: Duration = Duration::from_secs(5);

/// Whether systemd wants to be told.
pub(super) fn listens() -> bool {
    std::env::var_os("NOTIFY_SOCKET").is_some()
}

/// Tells it until it is cut off.
pub(super) async fn tell(monitor: Monitor) {
    tokio::join!(state(&monitor), watchdog(&monitor));
}

/// The end, at once.
pub(super) fn stopping() {
    if listens() {
        notify(&[NotifyState::Stopping, NotifyState::Status("stopping")]);
    }
}

async fn state(monitor: &Monitor) {
    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut told = (String::new(), Instant::now());
    let mut was_ready = false;
    loop {
        looks.tick().await;
        if !was_ready && monitor.health.ready().is_ok() {
            was_ready = true;
            notify(&[NotifyState::Ready]);
        }
        let (subject, line) = line(monitor);
        // Another subject is news at once.
        if subject != told.0 || told.1.elapsed() >= STATUS {
            notify(&[NotifyState::Status(&line)]);
            told = (subject, Instant::now());
        }
    }
}

/// What `systemctl status` shows, and what it is about.
fn line(monitor: &Monitor) -> (String, String) {
    if let Err(why) = monitor.health.ready() {
        return (why.to_owned(), why.to_owned());
    }
    let now = monitor.engine.clock.now_ms();
    if let Some(progress) = posted(&monitor.board) {
        return (progress.job().to_owned(), progress.line(now));
    }
    let line = match lock::running(&monitor.engine.config.data_dir) {
        Some(job) => format!("ready; {} runs", job.name),
        None => "ready; no job runs".to_owned(),
    };
    (line.clone(), line)
}

/// Twice in the time that systemd gives, as long as the loop turns.
async fn watchdog(monitor: &Monitor) {
    let Some(period) = sd_notify::watchdog_enabled().filter(|period| !period.is_zero()) else {
        return;
    };
    let mut turns = interval(period / 2);
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        turns.tick().await;
        if monitor.health.live().is_ok() {
            notify(&[NotifyState::Watchdog]);
        }
    }
}

fn notify(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!("systemd can't be told {state:?}: {error}");
    }
}
