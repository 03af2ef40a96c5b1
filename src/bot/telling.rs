//! What a running job tells the room: one message that is edited, its details in the thread below that, a message where a
//! long stage has ended, and a picture at the end.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::future::BoxFuture;
use tokio::time::Instant;

use super::talk::Talk;
use crate::{
    clock::Clock,
    job::{Event, Phase},
    operation::watch::Show,
    report::{
        self, chart,
        course::{Course, Leg},
        problems::Fresh,
        progress::Progress,
    },
};

/// Between two messages in the thread: a handful of them in a minute at most, whatever happens.
const DETAILS: Duration = Duration::from_secs(20);

/// A stage that took less ends in the thread alone: a telephone need not ring for it.
const LONG_MS: u64 = 30_000;

/// A job's messages.
pub(super) struct Telling {
    talk: Talk,
    clock: Arc<dyn Clock>,
    is_job: bool,
    course: Course,
    /// What nobody has been told yet.
    ended: Vec<(Leg, Option<Phase>)>,
    fresh: Fresh,
    thread: Arc<Thread>,
    told: Option<Instant>,
}

/// What the messages under way know of each other.
#[derive(Default)]
struct Thread {
    /// The message that is edited.
    root: Mutex<Option<String>>,
    /// What was not sent yet, the oldest first.
    unsent: Mutex<VecDeque<Unsent>>,
}

/// A message with its number.
struct Unsent {
    number: u32,
    markdown: String,
    /// Whether it stands below the progress, and not in the room itself.
    in_thread: bool,
}

impl Thread {
    fn root(&self) -> Option<String> {
        let root = self.root.lock();
        root.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn unsent(&self) -> MutexGuard<'_, VecDeque<Unsent>> {
        self.unsent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends what waits; what can't be sent waits on.
    async fn tell(&self, talk: &Talk, root: &str) {
        loop {
            let Some(next) = self.unsent().pop_front() else {
                return;
            };
            let sent = if next.in_thread {
                talk.detail(next.number, &next.markdown, root).await
            } else {
                talk.stage(next.number, &next.markdown).await
            };
            if !sent {
                self.unsent().push_front(next);
                return;
            }
        }
    }

    fn set(&self, root: Option<String>) {
        *self.root.lock().unwrap_or_else(PoisonError::into_inner) = root;
    }
}

impl Telling {
    /// Of a command that begins now; only a job tells anything.
    pub(super) fn new(talk: Talk, clock: &Arc<dyn Clock>, (name, is_job): (&str, bool)) -> Self {
        Self {
            talk,
            course: Course::new(name, clock.now_ms()),
            clock: Arc::clone(clock),
            is_job,
            ended: Vec::new(),
            fresh: Fresh::default(),
            thread: Arc::default(),
            told: None,
        }
    }

    /// The job is over: the rest of the details, and the progress message's last text. What ended at once has none.
    pub(super) async fn end(&mut self, failed: bool) {
        let now = self.clock.now_ms();
        if let Some(last) = self.course.end(now) {
            self.ended.push((last.clone(), None));
        }
        let Some(root) = self.thread.root() else {
            return;
        };
        self.news();
        self.thread.tell(&self.talk, &root).await;
        let text = report::bot::ended(&self.course.job, self.course.elapsed_ms(), failed);
        self.talk.show(Some(root), &text).await;
    }

    /// The picture of the run, once it is over; what ended at once has none.
    pub(super) async fn picture(&self) {
        if self.thread.root().is_none() {
            return;
        }
        let course = self.course.clone();
        // It takes a moment of a processor.
        let drawn = tokio::task::spawn_blocking(move || {
            chart::draw(&course).map(|drawn| drawn.map(|picture| (picture, chart::words(&course))))
        });
        match drawn.await {
            Ok(Ok(Some((picture, words)))) => self.talk.picture(&picture, &words).await,
            Ok(Ok(None)) => {}
            Ok(Err(error)) => tracing::warn!("{error}"),
            Err(error) => tracing::warn!("the chart was not drawn: {error}"),
        }
    }

    /// Puts down what goes into the thread now, and what into the room itself.
    fn news(&mut self) {
        let ended = std::mem::take(&mut self.ended);
        let (job, now) = (&self.course.job, self.course.until_ms);
        let stages: Vec<String> = ended
            .iter()
            .filter(|(leg, next)| next.is_some() && leg.elapsed_ms(now) >= LONG_MS)
            .map(|(leg, next)| report::details::stage(job, leg, *next))
            .collect();
        let legs: Vec<_> = ended.into_iter().map(|(leg, _)| leg).collect();
        let details = report::details::news(&legs, &mut self.fresh);
        let details = details.into_iter().map(|text| (text, true));
        let stages = stages.into_iter().map(|text| (text, false));
        let new = details.chain(stages).map(|(markdown, in_thread)| Unsent {
            number: self.talk.number(),
            markdown,
            in_thread,
        });
        self.thread.unsent().extend(new);
    }

    fn has_news(&self) -> bool {
        !self.ended.is_empty() || self.fresh.any()
    }
}

impl Show for Telling {
    fn show(&mut self, progress: Progress) -> BoxFuture<'static, ()> {
        if !self.is_job {
            return Box::pin(std::future::ready(()));
        }
        let text = progress.markdown(self.clock.now_ms());
        let is_time = self.told.is_none_or(|told| told.elapsed() >= DETAILS);
        if is_time && self.has_news() {
            self.told = Some(Instant::now());
            self.news();
        }
        let (talk, thread) = (self.talk.clone(), Arc::clone(&self.thread));
        Box::pin(async move {
            let root = talk.show(thread.root(), &text).await;
            thread.set(root.clone());
            if let Some(root) = root {
                thread.tell(&talk, &root).await;
            }
        })
    }

    fn hear(&mut self, event: &Event) {
        let now = self.clock.now_ms();
        if let Some(leg) = self.course.apply(event, now).cloned() {
            let next = self.course.legs.last().map(|leg| leg.phase);
            self.ended.push((leg, next));
        }
        if let Event::Problem(problem) = event {
            self.fresh.add(problem);
        }
    }
}
