//! Takes the kept events one by one, and runs the commands among them.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{Notify, watch::Receiver},
    task::JoinSet,
};

use super::{
    client::Client,
    control_room::invite_operators,
    decide::{Decision, Rules},
    rights,
    store::{Cut, Queued, Store, Waiting},
    talk::Talk,
};
use crate::{
    Error, Result, audit,
    clock::Clock,
    command::{
        Command,
        chat::{Address, pointed},
    },
    config::Config,
    job::Job,
    monitor::health::{Health, Outcome, TURN},
    operation::{
        Runner,
        watch::{Pace, Show, watch},
    },
    report::{self, progress::Progress},
};

/// The first start's time in the store.
const SINCE: &str = "since";

/// A job that is asked to stop ends its current step within this, or is cut off.
const LAST_STEP: Duration = Duration::from_secs(20);

/// Seen on an order at once.
const WAIT: &str = "⏳";

/// What somebody wants.
#[derive(Debug)]
struct Order {
    /// The message that is answered.
    event_id: String,
    /// Whose.
    sender: String,
    /// What was typed.
    words: String,
}

/// What somebody said to a preview.
struct Answered {
    waiting: Waiting,
    yes: bool,
}

/// The bot at work.
pub struct Worker<R> {
    /// Its requests.
    pub client: Client,
    /// Its memory.
    pub store: Store,
    /// Whatever runs the commands.
    pub runner: R,
    /// What the operator configured.
    pub config: Arc<Config>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Where it listens and talks.
    pub room: String,
    /// Rung when an event was kept.
    pub news: Arc<Notify>,
    /// How often a job's message is edited.
    pub pace: Pace,
    /// What runs now, by the message that ordered it.
    pub running: Mutex<HashMap<String, Job>>,
    /// Who is told that the loop turns, and how commands end.
    pub health: Arc<Health>,
}

impl<R: Runner> Worker<R> {
    /// Works until `stop` turns true, then lets the running commands end.
    pub async fn work(self: Arc<Self>, mut stop: Receiver<bool>) -> Result<()> {
        let rules = self.rules()?;
        self.tell_what_was_cut_off().await?;
        let mut tasks = JoinSet::new();
        while !*stop.borrow() {
            self.health.turned();
            while let Some(queued) = self.store.next()? {
                self.health.turned();
                self.handle(&rules, queued, &mut tasks).await?;
            }
            tokio::select! {
                () = self.news.notified() => {}
                _ = stop.changed() => break,
                Some(_) = tasks.join_next() => {}
                () = tokio::time::sleep(TURN) => {}
            }
        }
        for job in self.jobs().values() {
            job.stop();
        }
        let all = async { while tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(LAST_STEP, all).await.is_err() {
            tracing::warn!(
                "a command did not stop in time: it is cut off, and that is told at the next start"
            );
        }
        Ok(())
    }

    fn rules(&self) -> Result<Rules> {
        let kept = self.store.fact(SINCE)?.and_then(|text| text.parse().ok());
        let since_ms = kept.unwrap_or_else(|| self.clock.now_ms());
        self.store.set_fact(SINCE, &since_ms.to_string())?;
        Ok(Rules {
            address: Address {
                bot: self.config.bot_id(),
                own_room: self.config.bot.control_room.is_none(),
            },
            operators: self.config.operators.clone(),
            room: self.room.clone(),
            since_ms,
            started_ms: self.clock.now_ms(),
        })
    }

    async fn tell_what_was_cut_off(&self) -> Result<()> {
        for cut in self.store.cut_off()? {
            let talk = Talk::new(&self.client, &cut.room, &cut.event_id);
            talk.reply("cut", &report::bot::interrupted(&cut.name))
                .await;
            self.store.end(&cut.event_id)?;
        }
        Ok(())
    }

    async fn handle(
        self: &Arc<Self>,
        rules: &Rules,
        queued: Queued,
        tasks: &mut JoinSet<()>,
    ) -> Result<()> {
        match rules.decide(&queued) {
            Decision::Ignore => {}
            Decision::Refuse { sender, event_id } => {
                self.note(&sender, "(a command)", "refused: no operator")?;
                if self.store.refuse(&sender, self.clock.now_ms())? {
                    self.talk(&event_id)
                        .reply("no", &report::bot::refusal(&sender))
                        .await;
                }
            }
            Decision::Encrypted { event_id } => {
                let once = format!("encryption of {}", self.room);
                if self.store.refuse(&once, self.clock.now_ms())? {
                    self.talk(&event_id)
                        .reply("no", &report::bot::encrypted(self.client.user()))
                        .await;
                }
            }
            Decision::TooOld { event_id, age_ms } => {
                self.talk(&event_id)
                    .reply("old", &report::bot::too_old(age_ms))
                    .await;
            }
            Decision::Missed { event_id } => {
                self.talk(&event_id).reply("old", report::bot::MISSED).await;
            }
            Decision::React { sender, to, yes } => {
                if let Some(waiting) = self.store.waiting_below(&to)? {
                    let answer = Answered { waiting, yes };
                    let order = Order {
                        event_id: to,
                        sender,
                        words: String::new(),
                    };
                    self.begin(queued.number, &order, "confirm")?;
                    let worker = Arc::clone(self);
                    tasks.spawn(async move { worker.answered(order, answer).await });
                    return Ok(());
                }
            }
            Decision::Obey {
                event_id,
                words,
                command: Err(error),
                ..
            } => {
                self.health.command(Outcome::Failed);
                let text = report::bot::wrong(&error, pointed(&words).as_deref());
                self.talk(&event_id).reply("no", &text).await;
            }
            Decision::Obey {
                event_id,
                sender,
                words,
                command: Ok(command),
            } => {
                let order = Order {
                    event_id,
                    sender,
                    words,
                };
                self.begin(queued.number, &order, command.name())?;
                let worker = Arc::clone(self);
                tasks.spawn(async move { worker.order(order, command).await });
                return Ok(());
            }
        }
        self.store.done(queued.number)
    }

    /// From now on the order is not taken again.
    fn begin(&self, number: i64, order: &Order, name: &str) -> Result<()> {
        let cut = Cut {
            event_id: order.event_id.clone(),
            room: self.room.clone(),
            name: name.to_owned(),
        };
        self.store.begin(number, &cut)
    }

    /// An operator's command: carried out at once, or shown first.
    async fn order(&self, order: Order, command: Command) {
        let done = self.allowed(&order, &command).await;
        let done = match (done, command) {
            (Err(error), _) => Err(error),
            (Ok(()), Command::Confirm(confirm)) => match self.waiting(&confirm.code) {
                Ok(waiting) => {
                    return self.answered(order, Answered { waiting, yes: true }).await;
                }
                Err(error) => Err(error),
            },
            (Ok(()), command) if command.needs_confirmation() => {
                let talk = self.talk(&order.event_id);
                talk.mark(WAIT).await;
                let whose = (&*order.sender, &*order.words);
                self.preview(&talk, whose, command).await
            }
            (Ok(()), command) => return self.obey(order, command).await,
        };
        self.end(&order, done).await;
    }

    /// An answer to a preview.
    async fn answered(&self, mut order: Order, Answered { waiting, yes }: Answered) {
        let command = self.confirmed(&waiting, &order.sender);
        let done = match command {
            Ok(_) if !yes => {
                let talk = self.talk(&order.event_id);
                talk.reply("answer", report::bot::DROPPED).await;
                Ok(())
            }
            Ok(command) => match self.allowed(&order, &command).await {
                Ok(()) => {
                    order.words = waiting.words;
                    let renamed = self.store.rename(&order.event_id, command.name());
                    if let Err(error) = renamed {
                        tracing::error!("{error}");
                    }
                    return self.obey(order, command).await;
                }
                Err(error) => Err(error),
            },
            Err(error) => Err(error),
        };
        self.end(&order, done).await;
    }

    /// An error says why not.
    async fn allowed(&self, order: &Order, command: &Command) -> Result<()> {
        let (sender, wanted) = (&*order.sender, self.config.bot.min_power_level);
        let lack = rights::lack(&self.client, &self.room, (sender, command), wanted).await?;
        let Some(lack) = lack else {
            return Ok(());
        };
        let reason = report::bot::lack(lack);
        self.note(sender, &order.words, &format!("refused: {reason}"))?;
        Err(Error::Usage(reason))
    }

    /// An order that came to nothing, in the list of orders.
    fn note(&self, by: &str, words: &str, outcome: &str) -> Result<()> {
        self.health.command(Outcome::Refused);
        let (dir, now) = (&self.config.data_dir, self.clock.now_ms());
        let noted = audit::begin(dir, now, by, words)?;
        audit::end(dir, noted, now, outcome)
    }

    /// Nothing was run; an error is told.
    async fn end(&self, order: &Order, done: Result<()>) {
        if let Err(error) = done {
            let text = report::bot::failure(&error);
            self.talk(&order.event_id).reply("no", &text).await;
        }
        if let Err(error) = self.store.end(&order.event_id) {
            tracing::error!("{error}");
        }
    }

    /// Runs a command, shows its progress if it takes its time, and answers.
    async fn obey(&self, order: Order, command: Command) {
        let Order {
            event_id,
            sender,
            words,
        } = order;
        let (name, is_job) = (command.name(), command.is_job());
        tracing::info!("{name} begins");
        let (job, events) = Job::ordered(&sender, &words);
        self.jobs().insert(event_id.clone(), job.clone());
        let talk = self.talk(&event_id);
        if is_job {
            talk.mark(WAIT).await;
        }
        let mut message = Message {
            talk: talk.clone(),
            clock: Arc::clone(&self.clock),
            first: None,
            is_job,
        };
        let began_ms = self.clock.now_ms();
        let answer = watch(
            &self.runner,
            command,
            (job, events),
            &self.clock,
            self.pace,
            &mut message,
        )
        .await;
        self.jobs().remove(&event_id);
        if message.first.is_some() {
            let elapsed = self.clock.now_ms().saturating_sub(began_ms);
            let last = report::bot::ended(name, elapsed, answer.is_err());
            talk.show(message.first, &last).await;
        }
        self.health.command(match &answer {
            Ok(answer) if answer.good => Outcome::Good,
            Ok(_) => Outcome::Incomplete,
            Err(_) => Outcome::Failed,
        });
        match answer {
            Ok(answer) => {
                tracing::info!("{name} has ended");
                talk.reply("answer", &answer.markdown).await;
                talk.post(&answer.files).await;
            }
            Err(error) => {
                tracing::warn!("{name}: {error}");
                talk.reply("answer", &report::bot::failure(&error)).await;
            }
        }
        if ["import", "retry"].contains(&name) {
            // Operators may have come over with it.
            invite_operators(&self.client, &self.room, &self.config).await;
        }
        if let Err(error) = self.store.end(&event_id) {
            tracing::error!("{error}");
        }
    }

    fn talk(&self, event_id: &str) -> Talk {
        Talk::new(&self.client, &self.room, event_id)
    }

    fn jobs(&self) -> std::sync::MutexGuard<'_, HashMap<String, Job>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A job's one message, edited as it goes on.
struct Message {
    talk: Talk,
    clock: Arc<dyn Clock>,
    first: Option<String>,
    is_job: bool,
}

impl Show for Message {
    async fn show(&mut self, progress: Progress) {
        if self.is_job {
            let text = progress.markdown(self.clock.now_ms());
            self.first = self.talk.show(self.first.take(), &text).await;
        }
    }
}
