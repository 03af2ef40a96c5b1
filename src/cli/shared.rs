//! A shared command in the shell: the answer on standard output, the progress on standard error.

use std::{sync::Arc, time::Duration};

use futures::future::BoxFuture;

use super::{
    answer,
    lines::{self, Lines},
    signals,
    terminal::{self, Bar, note},
};
use crate::{
    Error, Result,
    clock::Clock,
    command::Command,
    job::Job,
    operation::{
        Runner,
        watch::{Pace, Show, watch},
    },
    report::progress::Progress,
};

/// Lines of progress: few enough for a log.
const LINES: Pace = Pace {
    first: Duration::from_secs(3),
    every: Duration::from_secs(3),
    quiet: Duration::from_mins(1),
};

/// Lines for machines.
const NUMBERS: Pace = Pace {
    first: Duration::from_secs(1),
    every: Duration::from_secs(1),
    quiet: Duration::from_mins(1),
};

/// A bar moves.
const BAR: Pace = Pace {
    first: Duration::from_millis(500),
    every: Duration::from_millis(200),
    quiet: Duration::from_millis(200),
};

/// Progress on standard error.
struct Screen {
    clock: Arc<dyn Clock>,
    /// On a terminal.
    bar: Option<Bar>,
}

impl Show for Screen {
    fn show(&mut self, progress: Progress) -> BoxFuture<'static, ()> {
        let now = self.clock.now_ms();
        match &self.bar {
            Some(bar) => bar.show(&progress, now),
            None => note(&progress.line(now)),
        }
        Box::pin(std::future::ready(()))
    }
}

/// Runs it, with `json` for machines; the number is the process's exit code.
pub(super) async fn run(
    runner: &impl Runner,
    command: Command,
    clock: &Arc<dyn Clock>,
    json: bool,
) -> Result<u8> {
    if json && shows_recovery_key(&command) {
        return Err(Error::Usage(
            "--show-recovery-key is for a terminal, and lines of JSON are often kept: leave one of the two out"
                .to_owned(),
        ));
    }
    // These are one document each, and no jobs.
    if json && !matches!(command, Command::Plan(_) | Command::Check(_)) {
        return tell(runner, command, clock).await;
    }
    let words: Vec<String> = std::env::args().skip(1).collect();
    let (job, events) = Job::ordered("the shell", &words.join(" "));
    let stopper = tokio::spawn(stop_on_signal(job.clone(), json));
    let bar = terminal::bar();
    let pace = if bar.is_some() { BAR } else { LINES };
    let mut screen = Screen {
        clock: Arc::clone(clock),
        bar,
    };
    let answer = watch(runner, command, (job, events), clock, pace, &mut screen).await;
    // What follows is the answer: the bar goes before it.
    drop(screen);
    stopper.abort();
    Ok(answer::print(&answer?))
}

fn shows_recovery_key(command: &Command) -> bool {
    match command {
        Command::BotKeys(order) => order.recovery().is_some_and(|it| it.show_recovery_key),
        _ => false,
    }
}

/// The same in lines of JSON.
async fn tell(runner: &impl Runner, command: Command, clock: &Arc<dyn Clock>) -> Result<u8> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let (job, events) = Job::ordered("the shell", &words.join(" "));
    let stopper = tokio::spawn(stop_on_signal(job.clone(), true));
    let mut lines = Lines::new(std::io::stdout(), Arc::clone(clock));
    lines.begin(command.name());
    let answer = watch(runner, command, (job, events), clock, NUMBERS, &mut lines).await;
    stopper.abort();
    lines.rest();
    Ok(lines.answer(&answer?))
}

/// The first signal asks the job to stop after its current step; the second ends the process.
async fn stop_on_signal(job: Job, json: bool) {
    signals::stop().await;
    job.stop();
    note("stopping after the current step; once more to stop at once");
    signals::stop().await;
    let error = crate::Error::Stopped;
    if json {
        lines::error(&error.to_string(), error.exit_code());
    }
    std::process::exit(i32::from(error.exit_code()));
}
