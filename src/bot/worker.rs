//! Takes the kept events one by one, and runs the commands among them.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{
        Notify,
        watch::{self, Receiver},
    },
    task::JoinSet,
};

use super::{
    client::Client,
    control_room::invite_operators,
    decide::{Came, Decision, Late, Reaction, Rules},
    hearing::Taken,
    rights,
    store::{Answer, Cut, Queued, Store, Waiting},
    talk::Talk,
    telling::Telling,
    voice::Voice,
};
use crate::{
    Error, Result, audit,
    clock::Clock,
    command::{
        CARRYING, Command,
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

/// An answer that could not be sent for a day is of no use to anybody.
const UNSENT_MS: u64 = 24 * 3600 * 1000;

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
    /// Whether no command is to go on for long, and no other to begin.
    pub stopping: watch::Sender<bool>,
    /// The pause before a message that could not be sent is sent again; each further one is twice as long.
    pub again: Duration,
}

impl<R: Runner> Worker<R> {
    /// Works until `stop` turns true, then lets the running commands end.
    pub async fn work(self: Arc<Self>, mut stop: Receiver<bool>) -> Result<()> {
        let rules = self.rules()?;
        let mut tasks = JoinSet::new();
        self.tell_what_was_left(&mut tasks)?;
        let mut ails = false;
        while !*stop.borrow() {
            // One that is cut off here is taken again at the next start.
            let turned = tokio::select! {
                turned = self.turn(&rules, &mut tasks) => turned,
                _ = stop.changed() => break,
            };
            if let Err(error) = &turned {
                if !ails {
                    tracing::error!("the bot can't go on for now: {error}");
                }
            } else if ails {
                tracing::info!("the bot goes on");
            }
            ails = turned.is_err();
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

    /// Takes what waits, once. Nothing in it waits for the target to take an answer.
    async fn turn(self: &Arc<Self>, rules: &Rules, tasks: &mut JoinSet<()>) -> Result<()> {
        self.health.turned();
        let mut place = i64::MIN;
        while let Some(queued) = self.store.after(place)? {
            place = queued.number;
            let taken = self.heard(rules, queued, tasks).await?;
            self.health.turned();
            match taken {
                Taken::Here(queued, came) => self.handle(rules, (queued, came), tasks)?,
                // One whose key has not come yet stays where it is and keeps nobody waiting.
                Taken::Waits | Taken::Done => {}
                // What comes behind it may be meant for an encrypted room, or not.
                Taken::Unclear => break,
            }
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

    /// What the last process left: commands in their middle, and answers that the room has not got.
    fn tell_what_was_left(self: &Arc<Self>, tasks: &mut JoinSet<()>) -> Result<()> {
        let now = self.clock.now_ms();
        for cut in self.store.cut_off()? {
            let answer = Answer {
                markdown: report::bot::interrupted(&cut.name),
                event_id: cut.event_id,
                room: cut.room,
                below: cut.below,
                what: "cut".to_owned(),
            };
            self.store.end_with(&answer, now)?;
        }
        for answer in self.store.unsent(now.saturating_sub(UNSENT_MS))? {
            // Another room may be in clear, and is no control room any more.
            if answer.room == self.room {
                self.soon(answer, tasks);
            } else {
                self.store.sent(&answer)?;
            }
        }
        Ok(())
    }

    fn handle(
        self: &Arc<Self>,
        rules: &Rules,
        (queued, came): (Queued, Came),
        tasks: &mut JoinSet<()>,
    ) -> Result<()> {
        let number = queued.number;
        match rules.decide(&queued, came) {
            Decision::Ignore => {}
            Decision::Refuse { sender, event_id } => {
                // Once: whoever may write here could fill the disk with notes.
                if self.store.refuse(&sender, self.clock.now_ms())? {
                    self.note(&sender, "(a command)", "refused: no operator");
                    let text = report::bot::refusal(&sender);
                    return self.say(number, (&event_id, &event_id, "no"), text, tasks);
                }
            }
            Decision::InClear { event_id } => {
                let text = report::encrypted::IN_CLEAR.to_owned();
                return self.say(number, (&event_id, &event_id, "clear"), text, tasks);
            }
            Decision::Late { event_id, late } => {
                return self.say(number, (&event_id, &event_id, "old"), too_late(late), tasks);
            }
            Decision::React(reaction) => {
                if let Some(waiting) = self.store.waiting_below(&reaction.to)? {
                    return self.reacted(number, reaction, waiting, tasks);
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
                return self.say(number, (&event_id, &event_id, "no"), text, tasks);
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
                self.begin(number, &order, name)?;
                let worker = Arc::clone(self);
                tasks.spawn(async move { worker.order(order, command).await });
                return Ok(());
            }
        }
        self.store.done(number)
    }

    /// Answers an event, and is through with it.
    pub(super) fn say(
        self: &Arc<Self>,
        number: i64,
        (event_id, below, what): (&str, &str, &str),
        markdown: String,
        tasks: &mut JoinSet<()>,
    ) -> Result<()> {
        let answer = self.answer_to((event_id, below), what, markdown);
        self.store.answer(number, &answer, self.clock.now_ms())?;
        self.soon(answer, tasks);
        Ok(())
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
    fn reacted(
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
            let text = report::encrypted::REACTION.to_owned();
            return self.say(
                number,
                (&order.event_id, &order.below, "clear"),
                text,
                tasks,
            );
        }
        if let Some(late) = reaction.late {
            return self.say(
                number,
                (&order.event_id, &order.below, "old"),
                too_late(late),
                tasks,
            );
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

    /// Runs a command, shows its progress if it takes its time, and answers.
    pub(super) async fn obey(&self, order: Order, command: Command) {
        let talk = self.talk_below(&order);
        let Order {
            event_id,
            below,
            sender,
            words,
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
        let (text, files) = match answer {
            Ok(answer) => {
                tracing::info!("{name} has ended");
                (answer.markdown, answer.files)
            }
            Err(error) => {
                tracing::warn!("{name}: {error}");
                (report::bot::failure(&error), Vec::new())
            }
        };
        self.last_word((&event_id, &below), "answer", text).await;
        telling.picture().await;
        talk.post(&files).await;
        if CARRYING.contains(&name) {
            // Operators may have come over with it.
            invite_operators(&self.client, &self.room, &self.config).await;
        }
    }

    pub(super) fn talk_about(&self, about: (&str, &str)) -> Talk {
        Talk::new(&self.voice, about)
    }

    pub(super) fn talk_below(&self, order: &Order) -> Talk {
        self.talk_about((&order.event_id, &order.below))
    }

    /// Whether no command is to begin any more.
    pub(super) fn is_stopping(&self) -> bool {
        *self.stopping.borrow()
    }

    /// A command that begins while all are stopped is stopped, too.
    fn enters(&self, event_id: &str, job: &Job) {
        let mut running = self.running();
        running.jobs.insert(event_id.to_owned(), job.clone());
        if self.is_stopping() {
            job.stop();
        }
    }

    fn stop_all(&self) {
        let running = self.running();
        self.stopping.send_replace(true);
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
