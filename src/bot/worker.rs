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
    decide::{Came, Decision, Late, Reaction, Rules},
    rights,
    store::{Cut, Queued, Store, Waiting},
    talk::Talk,
    telling::Telling,
    voice::Voice,
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
        watch::{Pace, watch},
    },
    report,
};

/// The first start's time in the store.
const SINCE: &str = "since";

/// A job that is asked to stop ends its current step within this, or is cut off.
const LAST_STEP: Duration = Duration::from_secs(20);

/// Seen on an order at once.
pub(super) const WAIT: &str = "⏳";

/// An order whose preview is being made, in the store.
const PREVIEW: &str = "preview";

/// An answer to a preview, in the store.
const CONFIRM: &str = "confirm";

/// What somebody wants.
#[derive(Debug)]
pub(super) struct Order {
    /// The event that says so.
    pub(super) event_id: String,
    /// The message that is answered: the same or, for a reaction, what it is about.
    pub(super) below: String,
    /// Whose.
    pub(super) sender: String,
    /// What was typed.
    pub(super) words: String,
}

/// The commands that run now.
#[derive(Debug, Default)]
pub struct Running {
    /// By the event that ordered each.
    jobs: HashMap<String, Job>,
    /// None of them is to go on for long, and no other to begin.
    stopping: bool,
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
    /// How it speaks there.
    pub voice: Voice,
    /// Rung when an event was kept, or a key may have come.
    pub news: Arc<Notify>,
    /// How often a job's message is edited.
    pub pace: Pace,
    /// What runs now.
    pub running: Mutex<Running>,
    /// Who is told that the loop turns, and how commands end.
    pub health: Arc<Health>,
}

impl<R: Runner> Worker<R> {
    /// Works until `stop` turns true, then lets the running commands end.
    pub async fn work(self: Arc<Self>, mut stop: Receiver<bool>) -> Result<()> {
        let rules = self.rules()?;
        self.tell_what_was_cut_off().await?;
        let mut tasks = JoinSet::new();
        'work: while !*stop.borrow() {
            self.health.turned();
            let mut place = i64::MIN;
            while let Some(queued) = self.store.after(place)? {
                self.health.turned();
                place = queued.number;
                // One that is cut off here is taken again at the next start, and an answer with the same ID is sent once.
                tokio::select! {
                    taken = self.take(&rules, queued, &mut tasks) => taken?,
                    _ = stop.changed() => break 'work,
                }
            }
            tokio::select! {
                () = self.news.notified() => {}
                _ = stop.changed() => break,
                Some(_) = tasks.join_next() => {}
                () = tokio::time::sleep(TURN) => {}
            }
        }
        self.stop_all();
        let all = async { while tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(LAST_STEP, all).await.is_err() {
            tracing::warn!(
                "a command did not stop in time: it is cut off, and that is told at the next start"
            );
        }
        Ok(())
    }

    async fn take(
        self: &Arc<Self>,
        rules: &Rules,
        queued: Queued,
        tasks: &mut JoinSet<()>,
    ) -> Result<()> {
        // One whose key has not come yet stays where it is and keeps nobody waiting.
        match self.heard(rules, queued).await? {
            Some(heard) => self.handle(rules, heard, tasks).await,
            None => Ok(()),
        }
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
            // Another room may be encrypted, and is no control room any more.
            if cut.room == self.room {
                let talk = Talk::new(&self.voice, (&cut.event_id, &cut.below));
                talk.reply("cut", &report::bot::interrupted(&cut.name))
                    .await;
            }
            self.store.end(&cut.event_id)?;
        }
        Ok(())
    }

    async fn handle(
        self: &Arc<Self>,
        rules: &Rules,
        (queued, came): (Queued, Came),
        tasks: &mut JoinSet<()>,
    ) -> Result<()> {
        match rules.decide(&queued, came) {
            Decision::Ignore => {}
            Decision::Refuse { sender, event_id } => {
                // Once: whoever may write here could fill the disk with notes.
                if self.store.refuse(&sender, self.clock.now_ms())? {
                    self.note(&sender, "(a command)", "refused: no operator");
                    self.talk(&event_id)
                        .reply("no", &report::bot::refusal(&sender))
                        .await;
                }
            }
            Decision::InClear { event_id } => {
                self.talk(&event_id)
                    .reply("clear", report::encrypted::IN_CLEAR)
                    .await;
            }
            Decision::Late { event_id, late } => {
                self.talk(&event_id).reply("old", &too_late(late)).await;
            }
            Decision::React(reaction) => {
                if let Some(waiting) = self.store.waiting_below(&reaction.to)? {
                    return self.reacted(queued.number, reaction, waiting, tasks).await;
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
                    below: event_id.clone(),
                    event_id,
                    sender,
                    words,
                };
                // What is only shown is no `import` that could be cut off.
                let name = if command.needs_confirmation() {
                    PREVIEW
                } else {
                    command.name()
                };
                self.begin(queued.number, &order, name)?;
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
            below: order.below.clone(),
            name: name.to_owned(),
        };
        self.store.begin(number, &cut)
    }

    /// A ✅ or ❌ below a preview whose order waits.
    async fn reacted(
        self: &Arc<Self>,
        number: i64,
        reaction: Reaction,
        waiting: Waiting,
        tasks: &mut JoinSet<()>,
    ) -> Result<()> {
        let order = Order {
            event_id: reaction.event_id,
            below: reaction.to,
            sender: reaction.sender,
            words: String::new(),
        };
        if reaction.in_clear {
            self.talk_below(&order)
                .reply("clear", report::encrypted::REACTION)
                .await;
            return self.store.done(number);
        }
        if let Some(late) = reaction.late {
            self.talk_below(&order).reply("old", &too_late(late)).await;
            return self.store.done(number);
        }
        self.begin(number, &order, CONFIRM)?;
        let worker = Arc::clone(self);
        let yes = reaction.yes;
        tasks.spawn(async move { worker.answered(order, waiting, yes).await });
        Ok(())
    }

    /// An error says why not.
    pub(super) async fn allowed(&self, order: &Order, command: &Command) -> Result<()> {
        let (sender, wanted) = (&*order.sender, self.config.bot.min_power_level);
        let lack = rights::lack(&self.client, &self.room, (sender, command), wanted).await?;
        let Some(lack) = lack else {
            return Ok(());
        };
        let reason = report::bot::lack(lack);
        self.note(sender, &order.words, &format!("refused: {reason}"));
        Err(Error::Usage(reason))
    }

    /// An order that came to nothing, in the list of orders.
    fn note(&self, by: &str, words: &str, outcome: &str) {
        self.health.command(Outcome::Refused);
        let (dir, now) = (&self.config.data_dir, self.clock.now_ms());
        let noted = audit::begin(dir, now, by, words)
            .and_then(|noted| audit::end(dir, noted, now, outcome));
        if let Err(error) = noted {
            tracing::error!("a refused order is not in the list of orders: {error}");
        }
    }

    /// Nothing was run; an error is told.
    pub(super) async fn end(&self, order: &Order, done: Result<()>) {
        if let Err(error) = done {
            let text = report::bot::failure(&error);
            self.talk_below(order).reply("no", &text).await;
        }
        if let Err(error) = self.store.end(&order.event_id) {
            tracing::error!("{error}");
        }
    }

    /// Runs a command, shows its progress if it takes its time, and answers.
    pub(super) async fn obey(&self, order: Order, command: Command) {
        let talk = self.talk_below(&order);
        let Order {
            event_id,
            sender,
            words,
            ..
        } = order;
        let (name, is_job) = (command.name(), command.is_job());
        tracing::info!("{name} begins");
        let (job, events) = Job::ordered(&sender, &words);
        self.enters(&event_id, &job);
        if is_job {
            talk.mark(WAIT).await;
        }
        let mut telling = Telling::new(talk.clone(), &self.clock, (name, is_job));
        let answer = watch(
            &self.runner,
            command,
            (job, events),
            &self.clock,
            self.pace,
            &mut telling,
        )
        .await;
        self.running().jobs.remove(&event_id);
        telling.end(answer.is_err()).await;
        self.health.command(match &answer {
            Ok(answer) if answer.good => Outcome::Good,
            Ok(_) => Outcome::Incomplete,
            Err(_) => Outcome::Failed,
        });
        match answer {
            Ok(answer) => {
                tracing::info!("{name} has ended");
                talk.reply("answer", &answer.markdown).await;
                telling.picture().await;
                talk.post(&answer.files).await;
            }
            Err(error) => {
                tracing::warn!("{name}: {error}");
                talk.reply("answer", &report::bot::failure(&error)).await;
                telling.picture().await;
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

    pub(super) fn talk(&self, event_id: &str) -> Talk {
        Talk::new(&self.voice, (event_id, event_id))
    }

    pub(super) fn talk_below(&self, order: &Order) -> Talk {
        Talk::new(&self.voice, (&order.event_id, &order.below))
    }

    /// Whether no command is to begin any more.
    pub(super) fn is_stopping(&self) -> bool {
        self.running().stopping
    }

    /// A command that begins while all are stopped is stopped, too.
    fn enters(&self, event_id: &str, job: &Job) {
        let mut running = self.running();
        running.jobs.insert(event_id.to_owned(), job.clone());
        if running.stopping {
            job.stop();
        }
    }

    fn stop_all(&self) {
        let mut running = self.running();
        running.stopping = true;
        for job in running.jobs.values() {
            job.stop();
        }
    }

    fn running(&self) -> std::sync::MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn too_late(late: Late) -> String {
    match late {
        Late::Old(age_ms) => report::bot::too_old(age_ms),
        Late::Missed => report::bot::MISSED.to_owned(),
    }
}
