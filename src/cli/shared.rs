//! A shared command in the shell: the answer on standard output, the progress on standard error.

use std::{io::Write, sync::Arc, time::Duration};

use super::{say, signals};
use crate::{
    Result,
    clock::Clock,
    command::Command,
    error::EXIT_INCOMPLETE,
    job::Job,
    operation::{Runner, watch::watch},
    report::plain::plain,
};

/// Between two lines of progress.
const EVERY: Duration = Duration::from_secs(3);

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
        EVERY,
        async |progress| note(&progress.line(clock.now_ms())),
    )
    .await;
    stopper.abort();
    let answer = answer?;
    match &answer.verbatim {
        Some(text) => say(text),
        None => {
            say(&plain(&answer.markdown));
            for file in &answer.files {
                note(&format!("report: {}", file.display()));
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
