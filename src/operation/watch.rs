//! A running command and somebody who shows its progress.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::mpsc::UnboundedReceiver,
    time::{MissedTickBehavior, interval},
};

use super::{Answer, Runner, broken_off, post};
use crate::{
    Result,
    clock::Clock,
    command::Command,
    job::{Event, Job},
    report::progress::Progress,
};

/// Runs a command in a task of its own and hands its progress to `show`, at most once in every `every`.
///
/// `show` may take its time: the command goes on meanwhile.
pub async fn watch<R: Runner>(
    runner: &R,
    command: Command,
    (job, mut events): (Job, UnboundedReceiver<Event>),
    clock: &Arc<dyn Clock>,
    every: Duration,
    mut show: impl AsyncFnMut(&Progress),
) -> Result<Answer> {
    let name = command.name();
    let is_job = command.is_job();
    let mut progress = Progress::new(name, clock.now_ms());
    let task = {
        let (runner, job) = (runner.clone(), job.clone());
        tokio::spawn(async move { runner.run(command, job).await })
    };
    tokio::pin!(task);
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks.reset();
    let mut news = false;
    let mut posted = false;
    let answer = loop {
        tokio::select! {
            answer = &mut task => break answer,
            Some(event) = events.recv() => {
                progress.apply(event, clock.now_ms());
                news = true;
                // Only a job that tells something has the lock: one that is refused leaves the other's entry alone.
                if is_job {
                    post(runner.board(), Some(progress.clone()));
                    posted = true;
                }
            }
            _ = ticks.tick() => if std::mem::take(&mut news) {
                show(&progress).await;
            }
        }
    };
    if posted {
        post(runner.board(), None);
    }
    drop(job);
    answer.unwrap_or_else(|_| Err(broken_off(name)))
}
