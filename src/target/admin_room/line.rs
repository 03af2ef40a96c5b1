//! Many commands under way at once: they are queued on the target, and one look at the room finds the answers to all.

use std::{
    convert::Infallible,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use ruma::OwnedEventId;
use tokio::sync::{Notify, oneshot};

use super::{AdminRoom, FIRST_MARK, LONGEST_POLL, MARK, Message, PATIENCE, POLL, Page, first_line};
use crate::{Error, Result};

/// Commands that may wait in the target's queue. It holds 512, and a message that finds it full keeps the room for
/// itself while it waits, so that no answer can be written any more (`src/service/admin/mod.rs`).
pub const LONGEST: usize = 32;

/// A line of commands. Each waits in [`Line::run`], while [`Line::look`] finds the answers.
pub struct Line<'a> {
    room: &'a AdminRoom,
    queue: Mutex<Queue>,
    more: Notify,
}

#[derive(Default)]
struct Queue {
    /// Counts what begins and what ends, so that it is known what came after what.
    clock: u64,
    waiting: Vec<Waiting>,
    /// When a command was answered last.
    heard: Option<Instant>,
}

struct Waiting {
    command: String,
    event: OwnedEventId,
    /// Before it was sent.
    begun: u64,
    /// After it was sent.
    sent: u64,
    since: Instant,
    /// Nobody, for a mark.
    answer: Option<oneshot::Sender<Option<String>>>,
}

impl<'a> Line<'a> {
    /// An empty line.
    #[must_use]
    pub fn new(room: &'a AdminRoom) -> Self {
        Self {
            room,
            queue: Mutex::default(),
            more: Notify::new(),
        }
    }

    /// Runs a command (without `!admin`) in its turn and gives the reply's text; `None` if none will come.
    pub async fn run(&self, command: String) -> Result<Option<String>> {
        let (sender, receiver) = oneshot::channel();
        self.send(command, Some(sender)).await?;
        // The sender is gone only where the line is.
        Ok(receiver.await.unwrap_or_default())
    }

    async fn send(
        &self,
        command: String,
        answer: Option<oneshot::Sender<Option<String>>>,
    ) -> Result<()> {
        let begun = self.queue().tick();
        let event = self.room.send(&command).await?;
        let mut queue = self.queue();
        let sent = queue.tick();
        queue.waiting.push(Waiting {
            command,
            event,
            begun,
            sent,
            since: Instant::now(),
            answer,
        });
        drop(queue);
        self.more.notify_one();
        Ok(())
    }

    /// Looks for answers as long as it is asked to; ends only with an error.
    ///
    /// A target that was restarted has forgotten its queue: so a mark is set where nothing is answered for some time.
    pub async fn look(&self) -> Result<Infallible> {
        let (mut pause, mut until_mark) = (POLL, FIRST_MARK);
        let mut marked = Instant::now();
        loop {
            if self.queue().waiting.is_empty() {
                self.more.notified().await;
                (pause, until_mark, marked) = (POLL, FIRST_MARK, Instant::now());
            }
            let page = self.room.newest().await?;
            if self.queue().settle(&page) {
                (pause, until_mark, marked) = (POLL, FIRST_MARK, Instant::now());
            } else if marked.elapsed() >= until_mark {
                self.queue().patience(Instant::now())?;
                self.send(MARK.to_owned(), None).await?;
                (marked, until_mark) = (Instant::now(), until_mark * 2);
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_POLL);
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn tick(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }

    /// Hands out the answers of a page; whether there were any. Commands run one after another: what was sent before an
    /// answered one was, and has no answer now, will have none.
    fn settle(&mut self, page: &Page) -> bool {
        let text = |waiting: &Waiting| {
            let mut chunk = page.chunk.iter();
            chunk
                .find(|message| message.answers(&waiting.event))
                .map(Message::body)
        };
        let answers: Vec<_> = self.waiting.iter().map(text).collect();
        let Some(last) = self
            .waiting
            .iter()
            .zip(&answers)
            .filter_map(|(waiting, answer)| answer.as_ref().map(|_| waiting.begun))
            .max()
        else {
            return false;
        };
        self.heard = Some(Instant::now());
        let mut still = Vec::with_capacity(self.waiting.len());
        for (waiting, answer) in std::mem::take(&mut self.waiting).into_iter().zip(answers) {
            if answer.is_none() && waiting.sent > last {
                still.push(waiting);
            } else if let Some(sender) = waiting.answer {
                let _nobody_waits_any_more = sender.send(answer);
            }
        }
        self.waiting = still;
        true
    }

    /// An error where a command is unanswered for too long. Those before it in the target's queue may take any time, as
    /// long as one after the other is answered.
    fn patience(&self, now: Instant) -> Result<()> {
        let is_late = |waiting: &&Waiting| {
            let since = self
                .heard
                .map_or(waiting.since, |heard| heard.max(waiting.since));
            now.saturating_duration_since(since) > PATIENCE
        };
        match self.waiting.iter().find(is_late) {
            None => Ok(()),
            Some(late) => Err(Error::Target(format!(
                "the target gave no answer to `!admin {}` within {} min: look at its log",
                first_line(&late.command),
                PATIENCE.as_secs() / 60
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;

    fn page(answered: &[&str]) -> Page {
        let messages: Vec<_> = answered
            .iter()
            .map(|command| {
                json!({ "content": {
                    "body": format!("answer to {command}"),
                    "m.relates_to": { "m.in_reply_to": { "event_id": command } },
                } })
            })
            .collect();
        serde_json::from_value(json!({ "chunk": messages })).unwrap()
    }

    /// Commands, each with the ticks before and after it was sent.
    fn queue(
        commands: &[(&'static str, u64, u64)],
    ) -> (Queue, Vec<oneshot::Receiver<Option<String>>>) {
        let mut queue = Queue::default();
        let receivers = commands.iter().map(|(event, begun, sent)| {
            let (sender, receiver) = oneshot::channel();
            queue.waiting.push(Waiting {
                command: "x".to_owned(),
                event: (*event).try_into().unwrap(),
                begun: *begun,
                sent: *sent,
                since: Instant::now(),
                answer: Some(sender),
            });
            receiver
        });
        let receivers = receivers.collect();
        (queue, receivers)
    }

    #[test]
    fn a_command_before_an_answered_one_is_lost() {
        // The second and third were sent at the same time: nobody knows in which order they arrived.
        let (mut queue, mut receivers) =
            queue(&[("$1", 1, 2), ("$2", 3, 5), ("$3", 4, 6), ("$4", 7, 8)]);
        assert!(!queue.settle(&page(&["$0"])));
        assert_eq!(queue.waiting.len(), 4);
        assert!(queue.settle(&page(&["$3"])));
        let mut got = || -> Vec<_> {
            receivers
                .iter_mut()
                .map(|it| it.try_recv().ok().flatten())
                .collect()
        };
        assert_eq!(got(), [None, None, Some("answer to $3".to_owned()), None]);
        let left: Vec<_> = queue.waiting.iter().map(|it| it.event.as_str()).collect();
        assert_eq!(left, ["$2", "$4"]);
        assert!(queue.settle(&page(&["$4"])));
        assert!(queue.waiting.is_empty());
    }

    #[test]
    fn who_waits_too_long_is_named() {
        let (mut queue, _receivers) = queue(&[("$1", 1, 2)]);
        queue.waiting[0].command = "media get\nand more".to_owned();
        let sent = queue.waiting[0].since;
        assert!(queue.patience(sent + PATIENCE).is_ok());
        let late = sent + PATIENCE + Duration::from_secs(1);
        insta::assert_snapshot!(queue.patience(late).unwrap_err(), @"the target gave no answer to `!admin media get` within 30 min: look at its log");
    }

    #[test]
    fn patience_begins_anew_with_each_answer() {
        let (mut queue, _receivers) = queue(&[("$1", 1, 2), ("$2", 3, 4)]);
        let late = PATIENCE + Duration::from_secs(1);
        let sent = queue.waiting[1].since;
        assert!(queue.patience(sent + late).is_err());
        assert!(queue.settle(&page(&["$1"])));
        let heard = queue.heard.unwrap();
        // As if the answer to the first had come after most of the time.
        queue.heard = Some(heard + PATIENCE);
        assert!(queue.patience(sent + late).is_ok());
        assert!(queue.patience(heard + PATIENCE + late).is_err());
        // An answer to one that was sent before says nothing of those that were sent after it.
        queue.heard = Some(heard);
        queue.waiting[0].since = heard + PATIENCE;
        assert!(queue.patience(heard + late).is_ok());
    }
}
