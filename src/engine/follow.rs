//! Following Synapse: one sync after the other, and between them every event as soon as it is there.

mod lags;
mod live;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::Serialize;

use self::live::{Carried, Live};
use super::{Engine, Synced, memory::Memory};
use crate::{
    Error, Result,
    bundle::{Page, SourceKind},
    job::{Event, Job, Lag, Phase, Problem},
};

/// After a failure of one of the servers.
const AGAIN: Duration = Duration::from_secs(30);

/// How often it is looked whether to stop, while nothing is done.
const LOOK: Duration = Duration::from_millis(200);

/// The shortest time between two syncs, in milliseconds.
const SOON: u64 = 15_000;

/// A sync takes no more than this part of the time, where not even the events come over meanwhile.
const SHARE: u64 = 4;

/// Failures that are kept for the report.
const KEPT: usize = 50;

/// How Synapse is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Following {
    /// New accounts get a password that is in no file.
    pub passwords_for_nobody: bool,
    /// Milliseconds from the end of a sync to the next, at the most; or four times as long as it took, if that is more.
    pub every_ms: u64,
}

/// What came of following Synapse, until somebody stopped it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct FollowedUp {
    /// Syncs that were done to their end.
    pub syncs: u64,
    /// The last of them.
    pub last: Option<Box<Synced>>,
    /// Whether one was cut off by the stop.
    pub is_cut_off: bool,
    /// Events that came over between syncs.
    pub events: u64,
    /// Half of these took no longer, from Synapse's having them to the target's answer, in milliseconds.
    pub median_ms: Option<u64>,
    /// 95 of 100 took no longer.
    pub most_ms: Option<u64>,
    /// The longest.
    pub longest_ms: u64,
    /// Whether events could come over between syncs at all: it takes Synapse's database, and a target that takes history.
    pub is_live: bool,
    /// How often something went wrong and was to be tried again.
    pub failed: u64,
    /// The latest of these.
    pub failures: Vec<Problem>,
    /// Whether the last of these was the end of it.
    pub is_down: bool,
    /// Milliseconds from start to end.
    pub elapsed_ms: u64,
}

impl FollowedUp {
    /// Whether nothing is left undone but what a last sync brings.
    #[must_use]
    pub fn is_good(&self) -> bool {
        !self.is_down && self.last.as_ref().is_some_and(|last| last.is_good())
    }
}

impl Engine {
    /// Syncs, and then passes on what comes, until the job is stopped; that is its good end.
    ///
    /// A server that is away is tried again. What can't work at all is an error of the first sync.
    pub async fn follow(
        &self,
        job: &Job,
        following: Following,
        page: impl Fn() -> Box<Page>,
    ) -> Result<FollowedUp> {
        let started = self.clock.now_ms();
        let mut followed = FollowedUp::default();
        let mut carried = Carried::default();
        let ended = loop {
            let turned = self
                .turn_of(job, following, page(), (&mut followed, &mut carried))
                .await;
            match turned {
                Ok(()) => {}
                Err(error) if followed.syncs > 0 && is_passing(&error) => {
                    followed.is_cut_off = false;
                    followed.is_down = true;
                    followed.failed += 1;
                    let problem =
                        Problem::new("sync", "Synapse and the target", &error.to_string());
                    job.emit(Event::Problem(problem.clone()));
                    if followed.failures.len() == KEPT {
                        followed.failures.remove(0);
                    }
                    followed.failures.push(problem);
                    if self.rest(job, AGAIN).await.is_err() {
                        break Ok(());
                    }
                }
                Err(Error::Stopped) if followed.syncs > 0 => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        ended?;
        followed.events = carried.lags.count();
        followed.median_ms = carried.lags.within_ms(50);
        followed.most_ms = carried.lags.within_ms(95);
        followed.longest_ms = carried.lags.longest_ms();
        followed.elapsed_ms = self.clock.now_ms().saturating_sub(started);
        Ok(followed)
    }

    /// A sync, and what comes until the next is due.
    async fn turn_of(
        &self,
        job: &Job,
        following: Following,
        page: Box<Page>,
        (followed, carried): (&mut FollowedUp, &mut Carried),
    ) -> Result<()> {
        let began = self.clock.now_ms();
        followed.is_cut_off = true;
        let nobody = following.passwords_for_nobody;
        let mut made = None;
        let there = (&carried.events, &mut made);
        let synced = Box::pin(self.sync_past(job, nobody, page, there)).await;
        carried.made.extend(made);
        let synced = match synced {
            Ok(synced) => synced,
            Err(error) => {
                let told = followed.last.as_ref().map(|last| last.bundle.clone());
                self.tidy(&mut carried.made, told.as_deref())?;
                return Err(error);
            }
        };
        followed.is_cut_off = false;
        followed.is_down = false;
        followed.syncs += 1;
        carried.events.clear();
        let last = &**followed.last.insert(Box::new(synced));
        self.tidy(&mut carried.made, None)?;
        let known = Memory::read(&self.config.data_dir)?.map(|memory| memory.id);
        let known_before = std::mem::replace(&mut carried.known, known.clone());
        if let (Some(now), Some(before)) = (known, known_before) {
            self.ledger(&now)?.discard(&before)?;
        }
        let now = self.clock.now_ms();
        let took = now.saturating_sub(began);
        let soonest = now + SOON.max(took * SHARE);
        let latest = soonest.max(now + following.every_ms);
        let bundle = self.open(Some(last.bundle.clone())).await?;
        let is_from_database = bundle.schema().source == Some(SourceKind::Database);
        followed.is_live = is_from_database && self.target()?.abilities().await?.replay;
        if followed.is_live {
            let mut live = Box::pin(Live::begin(self, &bundle)).await?;
            return Box::pin(live.run(job, carried, (soonest, latest))).await;
        }
        job.emit(Event::Phase {
            phase: Phase::Follow,
            total: 0,
        });
        while self.clock.now_ms() < latest {
            let left = latest.saturating_sub(self.clock.now_ms());
            job.emit(Event::Lag(Lag {
                next_sync_ms: left,
                ..Lag::default()
            }));
            self.rest(job, Duration::from_millis(left).min(AGAIN))
                .await?;
        }
        Ok(())
    }

    /// Waits, unless it is to stop.
    async fn rest(&self, job: &Job, time: Duration) -> Result<()> {
        let until = self.clock.now_ms() + u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        while self.clock.now_ms() < until {
            job.turn().await?;
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    /// Removes bundles that were made on the way, with what belongs to them alone: all but the one with which the next sync
    /// compares, and one that is still told of.
    fn tidy(&self, made: &mut BTreeSet<PathBuf>, told: Option<&Path>) -> Result<()> {
        let Some(last) = Memory::read(&self.config.data_dir)? else {
            return Ok(());
        };
        let passwords = self.config.data_dir.join("passwords");
        let of = |path: &Path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            passwords.join(format!("{name}.csv"))
        };
        let is_kept = |path: &Path| path == last.path || Some(path) == told;
        let has_passwords = of(&last.path).exists();
        for path in made.iter().filter(|path| !is_kept(path)) {
            let of_it = has_passwords.then(|| of(path));
            for path in [Some(path.clone()), of_it].into_iter().flatten() {
                if let Err(error) = fs::remove_file(&path)
                    && error.kind() != std::io::ErrorKind::NotFound
                {
                    tracing::warn!(path = %path.display(), %error, "it is not needed any more, and can't be removed");
                }
            }
        }
        made.retain(|path| is_kept(path));
        Ok(())
    }
}

/// Whether it may work in a while.
fn is_passing(error: &Error) -> bool {
    matches!(
        error,
        Error::Unreachable { .. }
            | Error::Slow { .. }
            | Error::Database { .. }
            | Error::Target(_)
            | Error::Answer { .. }
    )
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        clock::FixedClock,
        config::{self, Tokens},
    };

    #[test]
    fn a_server_that_is_busy_or_away_is_tried_again_and_a_wrong_installation_is_not() {
        let busy = Error::Answer {
            server: "the target",
            request: "PUT /_matrix/federation/v1/send".to_owned(),
            status: 429,
            errcode: "M_LIMIT_EXCEEDED".to_owned(),
            message: String::new(),
            retry_after: None,
        };
        let locked = Error::Database {
            place: "homeserver.db".to_owned(),
            reason: "database is locked".to_owned(),
        };
        let away = Error::Unreachable {
            server: "the target",
            url: "http://localhost".to_owned(),
            reason: "connection refused".to_owned(),
        };
        for error in [busy, locked, away] {
            assert!(is_passing(&error), "{error}");
        }
        for error in [
            Error::Stopped,
            Error::Usage(String::new()),
            Error::Config(String::new()),
            Error::Setup(String::new()),
        ] {
            assert!(!is_passing(&error), "{error}");
        }
    }

    #[test]
    fn only_the_bundles_that_are_needed_stay() {
        let dir = tempfile::tempdir().unwrap();
        let config = config::sample(dir.path());
        let (bundles, passwords) = (
            config.data_dir.join("bundles"),
            config.data_dir.join("passwords"),
        );
        let put = |name: &str| {
            for (dir, name) in [
                (&bundles, name.to_owned()),
                (&passwords, format!("{name}.csv")),
            ] {
                fs::create_dir_all(dir).unwrap();
                fs::write(dir.join(name), "").unwrap();
            }
            bundles.join(name)
        };
        let mut made: BTreeSet<_> = ["a", "b", "c"].map(put).into();
        let of_the_operator = put("o");
        let memory = Memory {
            name: "b".to_owned(),
            path: bundles.join("b"),
            id: String::new(),
            users: 0,
            rooms: 0,
            media: 0,
        };
        memory.write(&config.data_dir).unwrap();
        let tokens = Arc::new(Tokens::load_or_make(dir.path()).unwrap());
        let engine = Engine::new(Arc::new(config), tokens, Arc::new(FixedClock(0)));
        // One that failed, and before it one that the report still names.
        engine.tidy(&mut made, Some(&bundles.join("a"))).unwrap();
        let left = |dir: &Path| -> BTreeSet<_> {
            let entries = fs::read_dir(dir).unwrap();
            entries
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect()
        };
        assert_eq!(left(&bundles), ["a", "b", "o"].map(str::to_owned).into());
        engine.tidy(&mut made, None).unwrap();
        assert_eq!(left(&bundles), ["b", "o"].map(str::to_owned).into());
        assert_eq!(
            left(&passwords),
            ["b.csv", "o.csv"].map(str::to_owned).into()
        );
        assert!(of_the_operator.exists());
        assert_eq!(made, [bundles.join("b")].into());
    }
}
