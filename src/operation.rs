//! A command's way through the engine and the report: one answer for the room and for the shell.

use std::{
    future::Future,
    path::PathBuf,
    sync::{Arc, Mutex},
};

use serde_json::Value;

use crate::{
    Error, Result, audit,
    bundle::SourceKind,
    command::{
        Command, chat,
        check::Check,
        export::{Export, Source},
        help,
        import::Import,
        plan,
        sign_on::SignOn,
    },
    engine::{Engine, ExportOptions},
    job::{Job, Wish},
    migration::check::Severity,
    report::{self, course::Course, progress::Progress},
};

mod asked;
pub mod bot_keys;
mod bundles;
mod cutover;
pub mod lock;
mod look;
pub mod reports;
mod retry;
mod sync;
mod verify;
pub mod watch;
mod wish;

/// The job whose times help with the next estimate, by its command's name.
const IMPORT: &str = "import";

/// What a command answers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Answer {
    /// For people.
    pub markdown: String,
    /// Reports that belong to it.
    pub files: Vec<PathBuf>,
    /// Nothing is undone, different or unsound.
    pub good: bool,
    /// There are warnings that nobody has accepted.
    pub warned: bool,
    /// What a shell prints instead, byte for byte (`plan --json`, `check --json`).
    pub verbatim: Option<String>,
    /// For machines, where the command has such: what the report's JSON file holds, or the status.
    pub data: Option<Value>,
}

impl Answer {
    /// A good answer without files.
    #[must_use]
    pub fn of(markdown: String) -> Self {
        Self {
            markdown,
            good: true,
            ..Self::default()
        }
    }
}

/// Who asks, and so under which name the help shows the commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Surface {
    /// `!ferry …`.
    Room,
    /// `ferryman …`.
    Shell,
}

impl Surface {
    /// The next command as whoever asks has to type it.
    fn spoken(self, markdown: &str) -> String {
        let word = match self {
            Self::Room => chat::PREFIX,
            Self::Shell => "ferryman",
        };
        markdown.replace("Next: `", &format!("Next: `{word} "))
    }
}

/// What a command would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preview {
    /// For people.
    pub markdown: String,
    /// The whole of it.
    pub files: Vec<PathBuf>,
    /// What is confirmed: with another plan nothing is done. Without it there is nothing to do.
    pub digest: Option<[u8; 32]>,
}

/// The job that runs in this process, for `status`.
pub type Board = Arc<Mutex<Option<Progress>>>;

/// Whatever runs commands: [`Operation`], or a test's stand-in.
pub trait Runner: Clone + Send + Sync + 'static {
    /// Runs one command to its end; the job carries its progress out and the wish to stop in.
    fn run(&self, command: Command, job: Job) -> impl Future<Output = Result<Answer>> + Send;

    /// What a command would do that needs to be confirmed; nothing is changed.
    fn preview(&self, command: Command) -> impl Future<Output = Result<Preview>> + Send;

    /// Where the running job's progress is kept.
    fn board(&self) -> &Board;

    /// A job is over: how long its stages took helps with the next estimate.
    fn keep(&self, _course: &Course) {}
}

/// Commands run by the engine.
#[derive(Clone)]
pub struct Operation {
    engine: Engine,
    surface: Surface,
    board: Board,
}

impl Operation {
    /// For one installation and one kind of asker.
    #[must_use]
    pub fn new(engine: Engine, surface: Surface) -> Self {
        Self {
            engine,
            surface,
            board: Board::default(),
        }
    }

    /// Carries it out, and notes who ordered it and how it ended.
    async fn noted(&self, command: Command, job: &Job) -> Result<Answer> {
        let (dir, clock) = (&self.engine.config.data_dir, &self.engine.clock);
        if command.only_looks_back() {
            return self.answer(command, job).await;
        }
        let words = if job.words().is_empty() {
            command.name()
        } else {
            job.words()
        };
        let noted = audit::begin(dir, clock.now_ms(), job.asker(), words)?;
        let answer = self.answer(command, job).await;
        let outcome = report::steering::outcome(answer.as_ref().map(|answer| answer.good));
        if let Err(error) = audit::end(dir, noted, clock.now_ms(), &outcome) {
            tracing::error!("how an order ended is not in the list of orders: {error}");
        }
        answer
    }

    async fn answer(&self, command: Command, job: &Job) -> Result<Answer> {
        let command = match self.surface {
            Surface::Room => command.confined(&self.engine.config.data_dir.join("bundles"))?,
            Surface::Shell => command,
        };
        if !command.is_job() {
            return self.done(command, job).await;
        }
        let dir = &self.engine.config.data_dir;
        let lock = lock::JobLock::take(dir, command.name(), job.asker())?;
        // It was for the job before.
        wish::forget(dir)?;
        let _following = wish::Following::new(dir, lock.id(), job);
        self.done(command, job).await
    }

    async fn done(&self, command: Command, job: &Job) -> Result<Answer> {
        match command {
            Command::Help(help) => self.help(help.name().as_deref()),
            Command::Doctor(_) => {
                let findings = self.engine.doctor().await;
                Ok(Answer {
                    good: report::finding::is_good(&findings),
                    data: value(&findings),
                    ..Answer::of(report::finding::markdown(&findings))
                })
            }
            Command::Check(wanted) => self.check(wanted).await,
            Command::Ack(ack) => {
                self.engine.acknowledge(&ack.code, job.asker())?;
                Ok(Answer::of(report::check::accepted(&ack.code)))
            }
            Command::Export(export) => self.export(job, options(export)).await,
            Command::Plan(plan) => self.plan(plan).await,
            Command::Import(import) => self.import(job, import).await,
            Command::Bundles(_) => self.bundles(job).await,
            Command::Bundle(bundle) => self.prove(job, bundle.path).await,
            Command::Retry(retry) => Box::pin(self.retry(job, &retry::wanted(retry))).await,
            Command::Sync(wanted) => Box::pin(self.sync(job, wanted)).await,
            Command::Cutover(wanted) => Box::pin(self.cutover(job, wanted)).await,
            Command::Freeze(wanted) => self.freeze(wanted.in_front).await,
            Command::Unfreeze(wanted) => self.unfreeze(wanted.in_front).await,
            Command::Rollback(wanted) => Box::pin(self.rollback(wanted.in_front)).await,
            Command::Verify(wanted) => self.verify(job, wanted).await,
            Command::Status(_) => self.status(),
            Command::Confirm(_) => Err(Error::Usage(
                "nothing waits to be confirmed here: in the shell an import begins at once"
                    .to_owned(),
            )),
            Command::Pause(_) => self.wish(Wish::Pause),
            Command::Resume(_) => self.wish(Wish::Run),
            Command::Cancel(_) => self.wish(Wish::Stop),
            Command::Audit(audit) => {
                let entries = audit::newest(&self.engine.config.data_dir, audit.last)?;
                Ok(Answer {
                    data: value(&entries),
                    ..Answer::of(report::steering::audit(&entries))
                })
            }
            Command::User(user) => self.user(user).await,
            Command::Room(room) => self.room(room).await,
            Command::Why(why) => self.why(&why.reference),
            Command::SignOn(wanted) => self.sign_on(wanted).await,
            Command::Report(_) => self.report(),
            Command::BotKeys(order) => Box::pin(self.bot_keys(job, &order)).await,
        }
    }

    fn wish(&self, wish: Wish) -> Result<Answer> {
        let dir = &self.engine.config.data_dir;
        let job = lock::running(dir);
        if let Some(job) = &job {
            wish::keep(dir, &job.id, wish)?;
        }
        let text = report::steering::wished(wish, job.as_ref().map(|job| &*job.name));
        Ok(Answer {
            good: job.is_some(),
            ..Answer::of(self.spoken(&text))
        })
    }

    fn help(&self, name: Option<&str>) -> Result<Answer> {
        if name == Some(report::words::TOPIC) {
            return Ok(Answer::of(report::words::markdown()));
        }
        let root = match self.surface {
            Surface::Room if name.is_none() => {
                return Ok(Answer::of(help::list(&chat::declaration())));
            }
            Surface::Room => chat::declaration(),
            Surface::Shell => crate::cli::args::declaration(),
        };
        let text = help::text(root, name)?;
        Ok(Answer::of(format!("```text\n{text}\n```\n")))
    }

    /// The next command as whoever asks has to type it.
    fn spoken(&self, markdown: &str) -> String {
        self.surface.spoken(markdown)
    }

    async fn export(&self, job: &Job, options: ExportOptions) -> Result<Answer> {
        let summary = self
            .engine
            .export(job, &options, Box::new(report::page::page))
            .await?;
        let good = summary.problems.is_empty();
        let mut files = self.write("export", &report::export::full(&summary), &summary)?;
        if good {
            // The answer has said it all.
            files.clear();
        }
        Ok(Answer {
            files,
            good,
            data: self.for_machines(&summary),
            ..Answer::of(self.spoken(&report::export::short(&summary)))
        })
    }

    async fn check(&self, wanted: Check) -> Result<Answer> {
        let round = self.engine.check(wanted.bundle).await?;
        let (text, data) = (report::check::markdown(&round), report::check::data(&round));
        self.write("check", &report::check::full(&round), &data)?;
        Ok(Answer {
            good: round.worst() != Severity::Error,
            warned: round.worst() == Severity::Warning,
            verbatim: wanted.json.then(|| json(&data)),
            ..Answer::of(self.spoken(&text))
        })
    }

    async fn plan(&self, wanted: plan::Plan) -> Result<Answer> {
        let (bundle, asked) = asked::of_plan(&wanted)?;
        let (plan, forecast) = self.engine.forecast(bundle, asked).await?;
        let data = report::plan::data(&plan, &forecast);
        Ok(Answer {
            files: self.write("plan", &report::plan::full(&plan, &forecast), &data)?,
            verbatim: wanted.json.then(|| json(&data)),
            ..Answer::of(self.spoken(&report::plan::short(&plan, &forecast)))
        })
    }

    async fn import(&self, job: &Job, wanted: Import) -> Result<Answer> {
        let (bundle, asked) = asked::of_import(wanted)?;
        let summary = self.engine.import_as(job, bundle, asked).await?;
        let files = self.write("import", &report::import::full(&summary), &summary)?;
        Ok(Answer {
            files,
            good: report::import::is_good(&summary),
            data: self.for_machines(&summary),
            ..Answer::of(self.spoken(&report::import::short(&summary)))
        })
    }

    async fn sign_on(&self, wanted: SignOn) -> Result<Answer> {
        let (all, file) = self
            .engine
            .sign_on(wanted.bundle, wanted.providers, wanted.claim)
            .await?;
        let text = report::sign_on::markdown(&all, file.as_deref());
        Ok(Answer::of(self.spoken(&text)))
    }

    fn status(&self) -> Result<Answer> {
        let mut status = self.engine.status()?;
        if status.running.is_none() {
            let holder = lock::running(&self.engine.config.data_dir);
            status.running = holder.map(|holder| holder.name);
        }
        let now = self.engine.clock.now_ms();
        let progress = posted(&self.board).map(|progress| progress.markdown(now));
        Ok(Answer {
            data: value(&status),
            ..Answer::of(report::status::markdown(&status, progress.as_deref()))
        })
    }

    fn report(&self) -> Result<Answer> {
        let files = reports::newest(&self.engine.config.data_dir)?;
        Ok(Answer {
            files: files.clone(),
            ..Answer::of(report::bot::reports(&files))
        })
    }

    /// In the room nobody reads it, and with many failures it is large.
    fn for_machines(&self, data: &impl serde::Serialize) -> Option<Value> {
        match self.surface {
            Surface::Room => None,
            Surface::Shell => value(data),
        }
    }

    fn write(
        &self,
        command: &str,
        markdown: &str,
        data: &impl serde::Serialize,
    ) -> Result<Vec<PathBuf>> {
        let now = self.engine.clock.now_ms();
        let dir = &self.engine.config.data_dir;
        reports::write(dir, now, command, markdown, data)
    }
}

impl Runner for Operation {
    async fn run(&self, command: Command, job: Job) -> Result<Answer> {
        self.noted(command, &job).await
    }

    async fn preview(&self, command: Command) -> Result<Preview> {
        let dir = self.engine.config.data_dir.join("bundles");
        match command.confined(&dir)? {
            Command::Import(wanted) => {
                let (bundle, asked) = asked::of_import(wanted)?;
                let (plan, forecast) = self.engine.forecast(bundle, asked).await?;
                let data = report::plan::data(&plan, &forecast);
                Ok(Preview {
                    markdown: report::plan::preview(&plan, &forecast),
                    files: self.write("plan", &report::plan::full(&plan, &forecast), &data)?,
                    digest: Some(plan.digest()),
                })
            }
            Command::Retry(wanted) => {
                let again = self.engine.retry_plan(&retry::wanted(wanted)).await?;
                Ok(Preview {
                    markdown: self.spoken(&report::retry::preview(&again)),
                    files: Vec::new(),
                    digest: (!again.things.is_empty()).then_some(again.digest),
                })
            }
            Command::BotKeys(order) => self.bot_keys_preview(&order).await,
            Command::Export(_) => Ok(Preview {
                markdown: report::bot::acting(),
                files: Vec::new(),
                // The words are kept, and there is nothing else that could change.
                digest: Some([0; 32]),
            }),
            _ => Err(Error::Usage("this command needs no preview".to_owned())),
        }
    }

    fn board(&self) -> &Board {
        &self.board
    }

    fn keep(&self, course: &Course) {
        // A retry does a few odd things, and the others are never estimated.
        if course.job != IMPORT {
            return;
        }
        let worked = course.legs.iter().map(|leg| (leg.phase, leg.worked()));
        if let Err(error) = self.engine.learn(worked) {
            tracing::warn!("how long it took is not kept: {error}");
        }
    }
}

/// What is on the board; a panic elsewhere doesn't hide it.
pub(crate) fn posted(board: &Board) -> Option<Progress> {
    board
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
        .clone()
}

/// Puts something on the board, or wipes it.
pub(crate) fn post(board: &Board, progress: Option<Progress>) {
    *board
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner) = progress;
}

fn options(export: Export) -> ExportOptions {
    let wanted = export.wanted();
    ExportOptions {
        out: export.out,
        source: export.source.map(|source| match source {
            Source::Api => SourceKind::AdminApi,
            Source::Db => SourceKind::Database,
        }),
        media_path: export.media_path,
        wanted,
    }
}

fn json(data: &impl serde::Serialize) -> String {
    serde_json::to_string_pretty(data).unwrap_or_default()
}

fn value(data: &impl serde::Serialize) -> Option<Value> {
    serde_json::to_value(data).ok()
}

/// A task that broke off by a panic.
pub(crate) fn broken_off(what: &str) -> Error {
    Error::Target(format!(
        "{what} broke off by a fault in Ferryman: send it again to go on, and report the fault with the log"
    ))
}

#[cfg(test)]
mod tests;
