//! The last word about each order: kept, and sent again and again until the room has it.

use std::{sync::Arc, time::Duration};

use tokio::{task::JoinSet, time::timeout};

use super::{
    store::Answer,
    worker::{Order, Worker},
};
use crate::{Result, operation::Runner, report};

/// The longest pause between two tries.
const LONGEST: Duration = Duration::from_mins(5);

/// What is on its way when the bot is stopped may take so long to arrive.
const GRACE: Duration = Duration::from_secs(5);

/// What an order has come to without a command that was run.
pub(super) enum Ended {
    /// This is to be said.
    Answered(String),
    /// The room knows already.
    Told,
    /// The bot was stopped before it could say anything: the next start does.
    Untold,
}

impl<R: Runner> Worker<R> {
    pub(super) fn answer_to(
        &self,
        (event_id, below): (&str, &str),
        what: &str,
        markdown: String,
    ) -> Answer {
        Answer {
            event_id: event_id.to_owned(),
            room: self.room.clone(),
            below: below.to_owned(),
            what: what.to_owned(),
            markdown,
        }
    }

    /// Sends a kept answer while the bot does other things.
    pub(super) fn soon(self: &Arc<Self>, answer: Answer, tasks: &mut JoinSet<()>) {
        let worker = Arc::clone(self);
        tasks.spawn(async move { worker.deliver(&answer).await });
    }

    /// No command was run for this order.
    pub(super) async fn end(&self, order: &Order, ended: Result<Ended>) {
        let about = (&*order.event_id, &*order.below);
        match ended {
            Ok(Ended::Answered(text)) => self.last_word(about, "answer", text).await,
            Err(error) => {
                let text = report::bot::failure(&error);
                self.last_word(about, "no", text).await;
            }
            Ok(Ended::Told) => {
                if let Err(error) = self.store.end(&order.event_id) {
                    tracing::error!("{error}");
                }
            }
            Ok(Ended::Untold) => {}
        }
    }

    /// Ends an order: from now on the answer is all that is left of it, also for the next start.
    pub(super) async fn last_word(&self, about: (&str, &str), what: &str, markdown: String) {
        let answer = self.answer_to(about, what, markdown);
        if let Err(error) = self.store.end_with(&answer, self.clock.now_ms()) {
            tracing::error!("{error}");
        }
        self.deliver(&answer).await;
    }

    /// Returns once the room has it, or when the bot stops.
    async fn deliver(&self, answer: &Answer) {
        let talk = self.talk_about((&answer.event_id, &answer.below));
        let sent = self.until_sent(|| talk.reply(&answer.what, &answer.markdown));
        if sent.await.is_some()
            && let Err(error) = self.store.sent(answer)
        {
            tracing::error!("{error}");
        }
    }

    /// Sends until it is sent; `None` when the bot stops before that.
    pub(super) async fn until_sent<F>(&self, send: impl Fn() -> F) -> Option<String>
    where
        F: Future<Output = Option<String>>,
    {
        let mut stop = self.stopping.subscribe();
        let mut pause = self.again;
        loop {
            let cut_off = async {
                // The bot itself holds the other end.
                drop(stop.wait_for(|stop| *stop).await);
                tokio::time::sleep(GRACE).await;
            };
            let event_id = tokio::select! {
                event_id = send() => event_id,
                () = cut_off => None,
            };
            if event_id.is_some() {
                return event_id;
            }
            drop(timeout(pause, stop.wait_for(|stop| *stop)).await);
            if self.is_stopping() {
                return None;
            }
            pause = LONGEST.min(pause * 2);
        }
    }
}
