//! Carrying over what has changed on the source since the last import.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
    sync::Arc,
};

use ruma::OwnedEventId;
use serde::Serialize;

use super::{
    Asked, Engine, ExportOptions, choice, ledger_id,
    memory::Memory,
    opening::{blocking, plan},
};
use crate::{
    Error, Result,
    bundle::{Bundle, Page},
    job::{Job, Problem},
    ledger::Step,
    migration::{changes::Changes, outcome::ImportSummary, plan::Abilities},
    model::mode::Mode,
    secret::write_private,
    target::Target,
};

/// What a newer bundle has brought.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CaughtUp {
    /// Up to when everything had been carried before, in milliseconds since the Unix epoch.
    pub since_ts: u64,
    /// When the export of the newer bundle began.
    pub until_ts: u64,
    /// What has changed on the source in between.
    pub changes: Changes,
    /// What the target has by now, and what could not be done.
    pub import: ImportSummary,
    /// The bundle of the import before, which nothing needs any more.
    pub before: PathBuf,
}

/// What came of a sync.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Synced {
    /// What the new bundle has brought.
    #[serde(flatten)]
    pub caught_up: CaughtUp,
    /// Where that is.
    pub bundle: PathBuf,
    /// What could not be read from the source.
    pub unread: Vec<Problem>,
    /// Milliseconds from start to end.
    pub elapsed_ms: u64,
}

impl Synced {
    /// Whether nothing failed.
    #[must_use]
    pub fn is_good(&self) -> bool {
        let import = &self.caught_up.import;
        self.unread.is_empty() && import.rooms_failed == 0 && import.problems.is_empty()
    }
}

/// The last import, its bundle, and the target that it went to.
struct Last {
    memory: Memory,
    bundle: Arc<Bundle>,
    target: Target,
    abilities: Abilities,
    keys: BTreeMap<String, String>,
}

impl Engine {
    /// Reads Synapse once more, as for the bundle of the last import, and carries over what has changed since.
    pub async fn sync(
        &self,
        job: &Job,
        passwords_for_nobody: bool,
        page: Box<Page>,
    ) -> Result<Synced> {
        let nothing = BTreeSet::new();
        Box::pin(self.sync_past(job, passwords_for_nobody, page, (&nothing, &mut None))).await
    }

    /// The same, where the target has some events of those that are new; tells where the new bundle is, as soon as it is.
    pub(super) async fn sync_past(
        &self,
        job: &Job,
        passwords_for_nobody: bool,
        page: Box<Page>,
        (there, made): (&BTreeSet<OwnedEventId>, &mut Option<PathBuf>),
    ) -> Result<Synced> {
        let started = self.clock.now_ms();
        // Whether the target is there is said before Synapse is read.
        let last = Box::pin(self.last()).await?;
        let schema = last.bundle.schema();
        let options = ExportOptions {
            out: None,
            source: schema.source,
            media_path: None,
            wanted: schema.wanted.clone().unwrap_or_default(),
        };
        let exported = Box::pin(self.export(job, &options, page)).await?;
        let new = exported.bundle.clone();
        *made = Some(new.clone());
        let caught_up =
            Box::pin(self.catch_up_from(last, job, new, (passwords_for_nobody, there))).await?;
        Ok(Synced {
            caught_up,
            bundle: exported.bundle,
            unread: exported.problems,
            elapsed_ms: self.clock.now_ms().saturating_sub(started),
        })
    }

    /// Carries over what a newer bundle of the same server has more, or has not any more, than that of the last import.
    ///
    /// The newer one takes the place of the other: `retry`, `verify` and the next sync go by it. What the ledger knows of
    /// the last import counts on for everything that has not changed.
    pub async fn catch_up(
        &self,
        job: &Job,
        bundle: PathBuf,
        passwords_for_nobody: bool,
    ) -> Result<CaughtUp> {
        let last = Box::pin(self.last()).await?;
        let nothing = BTreeSet::new();
        Box::pin(self.catch_up_from(last, job, bundle, (passwords_for_nobody, &nothing))).await
    }

    async fn catch_up_from(
        &self,
        last: Last,
        job: &Job,
        bundle: PathBuf,
        (passwords_for_nobody, there): (bool, &BTreeSet<OwnedEventId>),
    ) -> Result<CaughtUp> {
        let Last {
            memory,
            bundle: old,
            target,
            abilities,
            keys,
        } = last;
        let new = self.open(Some(bundle.clone())).await?;
        if !new.schema().complete {
            return Err(Error::Target(
                "Synapse was not read to the end, so nothing was carried over: look at its log, and sync again"
                    .to_owned(),
            ));
        }
        let changes = {
            let (old, new) = (Arc::clone(&old), Arc::clone(&new));
            blocking(move || Changes::between(&old, &new)).await?
        };
        let before = self.ledger(&memory.id)?;
        let ledger = self.ledger(&ledger_id(&new, &keys))?;
        let asked = Asked {
            admins: before.has_any(Step::Admin)?,
            left_out: before.left_out()?.unwrap_or_default(),
            passwords_for_nobody,
            ..Asked::default()
        };
        // What a sync that was cut off has taken over is not taken over once more.
        if ledger.is_empty()? {
            let choice = choice(&target, &abilities, &before, &asked).await?;
            let replay = abilities.replay;
            let plan = plan(&new, abilities, choice).await?;
            let differs = tokio::task::block_in_place(|| {
                changes.differs(&before, (&old, &new), (&plan.rooms, there), replay)
            })?;
            self.keep_passwords(&old, &new)?;
            ledger.inherit(&memory.id, &differs)?;
        }
        let since_ts = old.schema().exported_ts.unwrap_or_default();
        drop(old);
        let ready = Box::pin(self.ready(Some(bundle), &asked)).await?;
        let import = Box::pin(self.carry(job, ready, &asked, Some(&changes.gone))).await?;
        Ok(CaughtUp {
            since_ts,
            until_ts: new.schema().exported_ts.unwrap_or_default(),
            changes,
            import,
            before: memory.path,
        })
    }

    async fn last(&self) -> Result<Last> {
        let Some(memory) = Memory::read(&self.config.data_dir)? else {
            return Err(Error::Usage(
                "nothing has been imported yet, so there is nothing to catch up with: run `import` first"
                    .to_owned(),
            ));
        };
        if !memory.path.exists() {
            return Err(Error::Usage(format!(
                "the bundle of the last import, {}, is not there any more, so nobody knows what has changed since: put it back into the bundles folder",
                memory.name
            )));
        }
        let target = self.target()?;
        let (abilities, keys) = (target.abilities().await?, target.server_keys().await?);
        let bundle = self.open(Some(memory.path.clone())).await?;
        if ledger_id(&bundle, &keys) != memory.id {
            return Err(Error::Usage(format!(
                "{} was imported to another target, or to one with another database: run `import` first",
                memory.name
            )));
        }
        if self.ledger(&memory.id)?.mode()? == Some(Mode::Federation) {
            return Err(Error::Usage(
                "the last import was one with --mode federation, after which people go on in the same rooms: for what is new, export and import again with that mode"
                    .to_owned(),
            ));
        }
        Ok(Last {
            memory,
            bundle,
            target,
            abilities,
            keys,
        })
    }

    /// The passwords of accounts that were made before belong to the new bundle's, too.
    fn keep_passwords(&self, old: &Bundle, new: &Bundle) -> Result<()> {
        let dir = self.private_dir("passwords")?;
        let (from, to) = (
            dir.join(format!("{}.csv", old.name())),
            dir.join(format!("{}.csv", new.name())),
        );
        match fs::read(&from) {
            Ok(text) if !to.exists() => write_private(&to, &text).map_err(Error::file(&to)),
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::file(&from)(error))
            }
            _ => Ok(()),
        }
    }
}
