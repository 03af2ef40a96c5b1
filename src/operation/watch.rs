//! A running command and somebody who shows its progress.

use std::{sync::Arc, time::Duration};

use futures::future::BoxFuture;
use tokio::{
    sync::mpsc::UnboundedReceiver,
    time::{Instant, MissedTickBehavior, interval_at},
};

use super::{Answer, Runner, broken_off, post};
use crate::{
    Result,
    clock::Clock,
    command::Command,
    job::{Event, Job},
    report::{course::Course, progress::Progress},
};

/// Whoever shows a running command's progress.
pub trait Show: Send {
    /// What shows it. The command goes on and is heard meanwhile, and nothing else is shown before it has ended.
    fn show(&mut self, progress: Progress) -> BoxFuture<'static, ()>;

    /// Hears each event at once; who only shows progress need not.
    fn hear(&mut self, _event: &Event) {}
}

/// How often progress is shown.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// What ends before (a refusal, say) shows no progress at all.
    pub first: Duration,
    /// Between two times, if there is news.
    pub every: Duration,
    /// Without news, too: the remaining time passes, or nothing moves.
    pub quiet: Duration,
}

/// Runs a command in a task of its own and hands its progress to `show`, as often as `pace` says.
pub async fn watch<R: Runner>(
    runner: &R,
    command: Command,
    (job, mut events): (Job, UnboundedReceiver<Event>),
    clock: &Arc<dyn Clock>,
    pace: Pace,
    show: &mut impl Show,
) -> Result<Answer> {
    let name = command.name();
    let is_job = command.is_job();
    let mut progress = Progress::new(name, clock.now_ms());
    let task = {
        let (runner, job) = (runner.clone(), job.clone());
        tokio::spawn(async move { runner.run(command, job).await })
    };
    tokio::pin!(task);
    let mut ticks = interval_at(Instant::now() + pace.first, pace.every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut news = true;
    let mut shown = Instant::now();
    let mut posted = false;
    let mut showing: Option<BoxFuture<'static, ()>> = None;
    let mut course = Course::new(name, clock.now_ms());
    let answer = loop {
        tokio::select! {
            answer = &mut task => break answer,
            Some(event) = events.recv() => {
                show.hear(&event);
                course.apply(&event, clock.now_ms());
                progress.apply(event, clock.now_ms());
                news = true;
                // Only a job that tells something has the lock: one that is refused leaves the other's entry alone.
                if is_job {
                    post(runner.board(), Some(progress.clone()));
                    posted = true;
                }
            }
            () = async {
                match &mut showing {
                    Some(shown) => shown.await,
                    None => std::future::pending().await,
                }
            } => showing = None,
            _ = ticks.tick(), if showing.is_none() => {
                if std::mem::take(&mut news) || shown.elapsed() >= pace.quiet {
                    shown = Instant::now();
                    showing = Some(show.show(progress.clone()));
                }
            }
        }
    };
    if posted {
        post(runner.board(), None);
    }
    // What it told last may still be on its way.
    while let Ok(event) = events.try_recv() {
        show.hear(&event);
        course.apply(&event, clock.now_ms());
    }
    course.end(clock.now_ms());
    if is_job && !course.legs.is_empty() {
        runner.keep(&course);
    }
    if let Some(shown) = showing {
        shown.await;
    }
    drop(job);
    answer.unwrap_or_else(|_| Err(broken_off(name)))
}
