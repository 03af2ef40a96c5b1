//! An installation beside a fake target, and imports on it: whole ones, and ones that are killed.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
    sync::Arc,
};

use tempfile::TempDir;

use super::{
    fake_target::{Account, Disturbance, Door, Encryption, FakeTarget, Settings, When, World},
    sample::{self, Draft},
};
use crate::{
    Error, Result,
    clock::FixedClock,
    config::{self, Config, Tokens},
    engine::{Again, Asked, Engine, Retried, WantedAgain},
    job::Job,
    migration::{
        check::Round,
        outcome::{ImportSummary, Verification},
    },
    model::{mode::Mode, replayed::Replayed},
    report,
};

/// The password of the account that was there before.
const OWN: &str = "own";

pub(super) fn wanted(names: &[&str]) -> WantedAgain {
    WantedAgain {
        names: names.iter().map(|name| (*name).to_owned()).collect(),
        ..WantedAgain::default()
    }
}

/// A bundle, for as many installations as are wanted.
pub(super) struct Source {
    dir: TempDir,
    rooms: Vec<Draft>,
    history: Option<Replayed>,
    mode: Option<Mode>,
    replay_messages: bool,
    name: &'static str,
}

impl Source {
    pub(super) fn new() -> Self {
        Self::of(sample::rooms())
    }

    pub(super) fn of(rooms: Vec<Draft>) -> Self {
        Self::named("bundle", rooms)
    }

    pub(super) fn named(name: &'static str, rooms: Vec<Draft>) -> Self {
        Self::where_cara(name, rooms, sample::Fate::Stays)
    }

    /// In which this has become of Cara.
    pub(super) fn where_cara(name: &'static str, rooms: Vec<Draft>, fate: sample::Fate) -> Self {
        let source = Self {
            dir: tempfile::tempdir().unwrap(),
            rooms,
            history: None,
            mode: None,
            replay_messages: false,
            name,
        };
        sample::write(&source.bundle(), &source.rooms, fate);
        source
    }

    /// Of which rooms are made anew.
    pub(super) fn in_mode(self, mode: Mode) -> Self {
        Self {
            mode: Some(mode),
            ..self
        }
    }

    /// All rooms made anew, with their messages.
    pub(super) fn with_messages(self) -> Self {
        Self {
            mode: Some(Mode::Local),
            replay_messages: true,
            ..self
        }
    }

    /// A long room, of which little is replayed.
    pub(super) fn long() -> Self {
        Self {
            history: Some(Replayed::Last(10)),
            ..Self::of(sample::long())
        }
    }

    pub(super) fn rooms(&self) -> &[Draft] {
        &self.rooms
    }

    pub(super) fn room(&self, id: &str) -> &Draft {
        let room = self.rooms.iter().find(|room| room.room_id == id);
        room.unwrap()
    }

    pub(super) fn bundle(&self) -> PathBuf {
        self.dir.path().join(self.name)
    }
}

/// One migration, from nothing.
pub(super) struct Stage {
    dir: TempDir,
    pub(super) bundle: PathBuf,
    history: Option<Replayed>,
    mode: Option<Mode>,
    replay_messages: bool,
    pub(super) target: FakeTarget,
}

/// Where a migration ended: what the import says, and what the target has.
#[derive(Debug, PartialEq)]
pub(super) struct End {
    pub(super) summary: ImportSummary,
    accounts: BTreeMap<String, Account>,
    rooms: BTreeMap<String, Vec<String>>,
    aliases: BTreeMap<String, String>,
    admins: BTreeSet<String>,
    addresses: BTreeSet<(String, String)>,
    encryption: Encryption,
    settings: Settings,
    media: BTreeMap<String, Vec<u8>>,
}

impl End {
    /// Without the order of a room's events: one of the target's own may come earlier or later.
    pub(super) fn unordered(mut self) -> Self {
        for lines in self.rooms.values_mut() {
            lines.sort();
        }
        self
    }
}

impl Stage {
    pub(super) fn new(source: &Source) -> Self {
        let stage = Self {
            dir: tempfile::tempdir().unwrap(),
            bundle: source.bundle(),
            history: source.history,
            mode: source.mode,
            replay_messages: source.replay_messages,
            target: FakeTarget::new(&source.rooms),
        };
        let ben = Account::new(Door::Password(OWN.to_owned()), "ben");
        stage.world().accounts.insert(sample::BEN.to_owned(), ben);
        stage
    }

    pub(super) fn world(&self) -> std::sync::MutexGuard<'_, World> {
        self.target.world()
    }

    /// A fresh process: nothing but the data on disk is the same as before.
    pub(super) fn engine(&self, url: &str) -> Engine {
        let mut config = config::sample(self.dir.path());
        url.clone_into(&mut config.target.url);
        config.resident.listen = ([127, 0, 0, 1], 0).into();
        Engine::new(
            Arc::new(config),
            Arc::new(Tokens::load_or_make(self.dir.path()).unwrap()),
            Arc::new(FixedClock(1_700_000_000_000)),
        )
    }

    /// An import that nobody disturbs, and how many requests it took.
    pub(super) async fn import(&self) -> (ImportSummary, u64) {
        let visit = self.target.visit(None).await;
        let summary = self.run(&visit.url).await.unwrap();
        (summary, visit.requests())
    }

    /// An import that is killed at its `last` request; whether it came so far.
    pub(super) async fn killed_import(&self, last: u64, when: When) -> bool {
        let visit = self.target.visit(Some(Disturbance::End(last, when))).await;
        tokio::select! {
            biased;
            () = visit.end() => true,
            ended = self.run(&visit.url) => {
                ended.unwrap();
                false
            }
        }
    }

    /// An import of which one request is answered by a proxy that got nothing from the target.
    pub(super) async fn stumbling_import(&self, request: u64, when: When) -> ImportSummary {
        let stumble = Disturbance::Stumble(request, when);
        let visit = self.target.visit(Some(stumble)).await;
        self.run(&visit.url).await.unwrap()
    }

    /// An import of which the target breaks down at a request.
    pub(super) async fn breaking_import(&self, request: u64) -> Result<ImportSummary> {
        let visit = self.target.visit(Some(Disturbance::Break(request))).await;
        self.run(&visit.url).await
    }

    /// An import that can't work.
    pub(super) async fn refused_import(&self) -> Error {
        let visit = self.target.visit(None).await;
        self.run(&visit.url).await.unwrap_err()
    }

    async fn run(&self, url: &str) -> Result<ImportSummary> {
        let engine = self.engine(url);
        let asked = Asked {
            history: self.history,
            mode: self.mode,
            replay_messages: self.replay_messages,
            ..Asked::default()
        };
        engine
            .import_as(&Job::new().0, Some(self.bundle.clone()), asked)
            .await
    }

    /// A check of an installation with a changed configuration, so many days after the export.
    pub(super) async fn check(&self, days: u64, change: impl FnOnce(&mut Config)) -> Round {
        let visit = self.target.visit(None).await;
        let mut engine = self.engine(&visit.url);
        let mut config = Config::clone(&engine.config);
        "http://127.0.0.1:9".clone_into(&mut config.synapse.url);
        change(&mut config);
        engine.config = Arc::new(config);
        engine.clock = Arc::new(FixedClock(1_700_000_000_000 + days * 24 * 60 * 60 * 1_000));
        engine.check(Some(self.bundle.clone())).await.unwrap()
    }

    /// What became of a user.
    pub(super) async fn user(&self, name: &str) -> Result<String> {
        let engine = self.engine("http://127.0.0.1:1");
        let state = engine.user(Some(self.bundle.clone()), name).await?;
        Ok(report::user::markdown(&state))
    }

    /// An import that is asked for something.
    pub(super) async fn import_as(&self, asked: Asked) -> ImportSummary {
        let visit = self.target.visit(None).await;
        let engine = self.engine(&visit.url);
        let job = Job::new().0;
        engine
            .import_as(&job, Some(self.bundle.clone()), asked)
            .await
            .unwrap()
    }

    /// An import that is asked for something, and may be refused.
    pub(super) async fn try_import_as(&self, asked: Asked) -> Result<ImportSummary> {
        let visit = self.target.visit(None).await;
        let engine = self.engine(&visit.url);
        let job = Job::new().0;
        engine
            .import_as(&job, Some(self.bundle.clone()), asked)
            .await
    }

    /// What a retry would do.
    pub(super) async fn again(&self, names: &[&str]) -> Result<Again> {
        let visit = self.target.visit(None).await;
        self.engine(&visit.url).retry_plan(&wanted(names)).await
    }

    /// A retry, and how many requests it took.
    pub(super) async fn retry(&self, names: &[&str]) -> Result<(Retried, u64)> {
        let visit = self.target.visit(None).await;
        let engine = self.engine(&visit.url);
        let retried = engine.retry(&Job::new().0, &wanted(names)).await?;
        Ok((retried, visit.requests()))
    }

    /// A retry that is killed at its `last` request.
    pub(super) async fn killed_retry(&self, names: &[&str], last: u64, when: When) {
        let visit = self.target.visit(Some(Disturbance::End(last, when))).await;
        let engine = self.engine(&visit.url);
        let (job, wanted) = (Job::new().0, wanted(names));
        tokio::select! {
            biased;
            () = visit.end() => {}
            ended = engine.retry(&job, &wanted) => {
                ended.unwrap();
            }
        }
    }

    /// A fresh process whose resident can't listen, as long as somebody else has its port.
    pub(super) fn deaf_engine(&self, url: &str) -> (Engine, std::net::TcpListener) {
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let mut engine = self.engine(url);
        let mut config = Config::clone(&engine.config);
        config.resident.listen = taken.local_addr().unwrap();
        engine.config = Arc::new(config);
        (engine, taken)
    }

    /// Loses what earlier imports have noted.
    pub(super) fn lose_ledger(&self) {
        fs::remove_dir_all(self.dir.path().join("ledger")).unwrap();
    }

    pub(super) async fn verify(&self) -> Verification {
        let visit = self.target.visit(None).await;
        let engine = self.engine(&visit.url);
        let job = Job::new().0;
        engine
            .verify(&job, Some(self.bundle.clone()))
            .await
            .unwrap()
    }

    /// The passwords that the operator is given are those that let people in; then everything, without what differs by
    /// chance.
    pub(super) fn end(&self, mut summary: ImportSummary) -> End {
        let world = self.world();
        let mut accounts = world.accounts.clone();
        let given = fs::read_to_string(summary.passwords.take().unwrap()).unwrap();
        let given: BTreeMap<_, _> = given
            .lines()
            .map(|line| line.split_once(',').unwrap())
            .collect();
        let mut made = BTreeMap::new();
        for (user, account) in &mut accounts {
            match &mut account.door {
                Door::Password(password) if password != OWN => {
                    made.insert(user.clone(), std::mem::take(password));
                }
                Door::Password(_) | Door::Closed => {}
            }
        }
        let made = made.iter().map(|(user, password)| (&**user, &**password));
        assert_eq!(given, made.collect());
        End {
            summary,
            accounts,
            rooms: world
                .rooms
                .iter()
                .map(|(id, room)| (id.clone(), room.lines()))
                .collect(),
            aliases: world.aliases.clone(),
            admins: world.admins.clone(),
            addresses: world.addresses.clone(),
            encryption: world.encryption.clone(),
            settings: world.settings.clone(),
            media: world
                .media
                .iter()
                .map(|(id, medium)| (id.clone(), medium.content.clone()))
                .collect(),
        }
    }
}
