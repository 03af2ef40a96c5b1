//! What needs no server: help, reports, the lock, and a watched job.

use std::time::Duration;

use futures::future::BoxFuture;

use super::{
    watch::{Pace, Show, watch},
    *,
};
use crate::{
    clock::{Clock, FixedClock},
    command::{export::Export, help::Help, import::Import, report::Report, verify::Verify},
    config::{Tokens, sample},
    job::{Event, Phase},
};

fn operation(dir: &std::path::Path, surface: Surface) -> Operation {
    let engine = Engine::new(
        Arc::new(sample(dir)),
        Arc::new(Tokens::make(dir).unwrap()),
        Arc::new(FixedClock(0)),
    );
    Operation::new(engine, surface)
}

#[tokio::test]
async fn help_speaks_to_whoever_asks() {
    let dir = tempfile::tempdir().unwrap();
    for (surface, usage) in [
        (Surface::Room, "One command in detail: !ferry help import"),
        (Surface::Shell, "Usage: ferryman [OPTIONS] <COMMAND>"),
    ] {
        let help = Command::Help(Help::default());
        let answer = operation(dir.path(), surface)
            .run(help, Job::new().0)
            .await
            .unwrap();
        assert!(answer.markdown.contains(usage) && answer.good);
    }
}

#[tokio::test]
async fn reports_are_handed_out() {
    let dir = tempfile::tempdir().unwrap();
    let operation = operation(dir.path(), Surface::Room);
    let report = || operation.run(Command::Report(Report {}), Job::new().0);
    assert!(report().await.unwrap().files.is_empty());
    reports::write(dir.path(), 0, "verify", "text", &serde_json::json!({})).unwrap();
    assert_eq!(report().await.unwrap().files.len(), 2);
}

#[test]
fn only_an_import_helps_with_the_next_estimate() {
    let dir = tempfile::tempdir().unwrap();
    let operation = operation(dir.path(), Surface::Room);
    let kept = || std::fs::read_to_string(dir.path().join("pace.json")).unwrap_or_default();
    for (job, is_kept) in [("retry", false), ("verify", false), ("import", true)] {
        let mut course = Course::new(job, 0);
        let (phase, total) = (Phase::Rooms, 10);
        course.apply(&Event::Phase { phase, total }, 0);
        course.apply(&Event::Carried(10), 60_000);
        course.end(60_000);
        operation.keep(&course);
        assert_eq!(kept().contains("rooms"), is_kept, "{job}");
    }
}

#[tokio::test]
async fn a_second_job_is_told_which_one_runs() {
    let dir = tempfile::tempdir().unwrap();
    let _lock = lock::JobLock::take(dir.path(), "import", "@anna:ferry.test").unwrap();
    for command in [
        Command::Export(Export::default()),
        Command::Import(Import::default()),
        Command::Verify(Verify::default()),
    ] {
        let operation = operation(dir.path(), Surface::Shell);
        let answer = operation.run(command, Job::new().0).await;
        assert!(
            matches!(answer, Err(Error::Busy(job)) if job == "import, ordered by @anna:ferry.test")
        );
    }
}

/// A job that waits in the middle.
#[derive(Clone, Default)]
struct Waits(Board, Arc<tokio::sync::Notify>);

impl Runner for Waits {
    async fn run(&self, _command: Command, job: Job) -> Result<Answer> {
        job.emit(Event::Phase {
            phase: Phase::Rooms,
            total: 9,
        });
        self.1.notified().await;
        Ok(Answer::of("done".into()))
    }

    async fn preview(&self, _command: Command) -> Result<Preview> {
        unreachable!("nothing is confirmed here")
    }

    fn board(&self) -> &Board {
        &self.0
    }
}

/// Looks at the board when it is shown something, then lets the job end.
struct Looks(Waits, Option<String>);

impl Show for Looks {
    fn show(&mut self, progress: Progress) -> BoxFuture<'static, ()> {
        self.1 = posted(self.0.board()).map(|on_board| on_board.line(0));
        assert_eq!(self.1, Some(progress.line(0)));
        self.0.1.notify_one();
        Box::pin(std::future::ready(()))
    }
}

#[tokio::test]
async fn a_running_job_is_on_the_board_until_it_ends() {
    let clock: Arc<dyn Clock> = Arc::new(FixedClock(0));
    let runner = Waits::default();
    let mut looks = Looks(runner.clone(), None);
    let pace = Pace {
        first: Duration::from_millis(20),
        every: Duration::from_secs(9),
        quiet: Duration::from_secs(9),
    };
    let command = Command::Import(Import::default());
    let answer = watch(&runner, command, Job::new(), &clock, pace, &mut looks).await;
    assert_eq!(answer.unwrap().markdown, "done");
    assert_eq!(looks.1.as_deref(), Some("import: rooms, 0 of 9 (0 %)"));
    assert!(posted(runner.board()).is_none());
}

/// Counts how often it is shown something, and lets the job end after the third time.
struct Counts(Waits, u32);

impl Show for Counts {
    fn show(&mut self, _progress: Progress) -> BoxFuture<'static, ()> {
        self.1 += 1;
        if self.1 == 3 {
            self.0.1.notify_one();
        }
        Box::pin(std::future::ready(()))
    }
}

#[tokio::test]
async fn a_job_without_news_is_still_shown() {
    let clock: Arc<dyn Clock> = Arc::new(FixedClock(0));
    let runner = Waits::default();
    let mut counts = Counts(runner.clone(), 0);
    let pace = Pace {
        first: Duration::from_millis(5),
        every: Duration::from_millis(5),
        quiet: Duration::from_millis(20),
    };
    let began = std::time::Instant::now();
    let command = Command::Import(Import::default());
    let answer = watch(&runner, command, Job::new(), &clock, pace, &mut counts).await;
    assert_eq!(answer.unwrap().markdown, "done");
    assert_eq!(counts.1, 3);
    assert!(
        began.elapsed() >= Duration::from_millis(45),
        "not at each tick"
    );
}
