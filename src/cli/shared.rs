//! A shared command in the shell: the answer on standard output, the progress on standard error.

use std::{sync::Arc, time::Duration};

use super::{
    say, signals,
    terminal::{self, Bar, note},
};
use crate::{
    Result,
    clock::Clock,
    command::Command,
    error::{EXIT_INCOMPLETE, EXIT_WARNINGS},
    job::Job,
    operation::{
        Runner,
        watch::{Pace, Show, watch},
    },
    report::{plain::plain, progress::Progress},
};

/// Lines of progress: few enough for a log.
const LINES: Pace = Pace {
    first: Duration::from_secs(3),
    every: Duration::from_secs(3),
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
    async fn show(&mut self, progress: Progress) {
        let now = self.clock.now_ms();
        match &self.bar {
            Some(bar) => bar.show(&progress, now),
            None => note(&progress.line(now)),
        }
    }
}

/// Runs it; the number is the process's exit code.
pub(super) async fn run(
    runner: &impl Runner,
    command: Command,
    clock: &Arc<dyn Clock>,
) -> Result<u8> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let (job, events) = Job::ordered("the shell", &words.join(" "));
    let stopper = tokio::spawn(stop_on_signal(job.clone()));
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
    let answer = answer?;
    if let Some(text) = &answer.verbatim {
        say(text);
    } else {
        say(&plain(&answer.markdown));
        for file in &answer.files {
            let path = file.display().to_string();
            // `report` has listed it.
            if !answer.markdown.contains(&path) {
                note(&format!("report: {path}"));
            }
        }
    }
    Ok(match (answer.good, answer.warned) {
        (false, _) => EXIT_INCOMPLETE,
        (true, true) => EXIT_WARNINGS,
        (true, false) => 0,
    })
}

/// The first signal asks the job to stop after its current step; the second ends the process.
async fn stop_on_signal(job: Job) {
    signals::stop().await;
    job.stop();
    note("stopping after the current step; once more to stop at once");
    signals::stop().await;
    std::process::exit(i32::from(crate::Error::Stopped.exit_code()));
}
