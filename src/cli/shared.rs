//! A shared command in the shell: the answer on standard output, the progress on standard error.

use std::{io::Write, sync::Arc, time::Duration};

use super::{say, signals};
use crate::{
    Result,
    clock::Clock,
    command::Command,
    error::EXIT_INCOMPLETE,
    job::Job,
    operation::{
        Runner,
        watch::{Show, watch},
    },
    report::{plain::plain, progress::Progress},
};

/// Between two lines of progress.
const EVERY: Duration = Duration::from_secs(3);

/// Progress as lines on standard error.
struct Lines(Arc<dyn Clock>);

impl Show for Lines {
    async fn show(&mut self, progress: Progress) {
        note(&progress.line(self.0.now_ms()));
    }
}

/// Runs it; the number is the process's exit code.
pub(super) async fn run(
    runner: &impl Runner,
    command: Command,
    clock: &Arc<dyn Clock>,
) -> Result<u8> {
    let (job, events) = Job::new();
    let stopper = tokio::spawn(stop_on_signal(job.clone()));
    let answer = watch(
        runner,
        command,
        (job, events),
        clock,
        (EVERY, EVERY),
        &mut Lines(Arc::clone(clock)),
    )
    .await;
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
    Ok(if answer.good { 0 } else { EXIT_INCOMPLETE })
}

/// The first signal asks the job to stop after its current step; the second ends the process.
async fn stop_on_signal(job: Job) {
    signals::stop().await;
    job.stop();
    note("stopping after the current step; once more to stop at once");
    signals::stop().await;
    std::process::exit(i32::from(crate::Error::Stopped.exit_code()));
}

fn note(text: &str) {
    let _closed = writeln!(std::io::stderr(), "{text}");
}
