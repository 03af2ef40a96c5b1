//! The commands' work, without a word of presentation: shared by the control room and the shell.

mod doctor;
mod login_bridge;
mod memory;
mod opening;
mod residence;
mod source;

#[cfg(test)]
mod tests;

pub use login_bridge::Opened;
use memory::Memory;
use opening::{blocking, newest, plan};
pub use residence::{Joiner, Residence};

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use crate::{
    Error, Result,
    bundle::{Bundle, Page, SourceKind},
    clock::Clock,
    config::{Config, Tokens},
    job::Job,
    ledger::{Ledger, Step},
    migration::{
        context::{Import, Parts},
        outcome::{Finding, ImportSummary, Status, Verification},
        plan::{Abilities, Plan, Replayed},
        planner, verify,
    },
    model::wanted::Wanted,
    resident::Sender,
    secret::private_dir,
    source::summary::ExportSummary,
    target::Target,
};

/// What an export takes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExportOptions {
    /// Where the bundle goes; default `<data_dir>/bundles/synapse-export-<UTC time>.tar.zst`.
    pub out: Option<PathBuf>,
    /// How Synapse is read; default: from the database if it is configured and readable.
    pub source: Option<SourceKind>,
    /// Synapse's media folder, if it is not the configured one.
    pub media_path: Option<PathBuf>,
    /// What it reads.
    pub wanted: Wanted,
}

/// One installation's servers, tokens and data.
#[derive(Clone)]
pub struct Engine {
    /// What the operator configured.
    pub config: Arc<Config>,
    /// The registrations' tokens.
    pub tokens: Arc<Tokens>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

impl Engine {
    /// Is the installation itself sound?
    pub async fn doctor(&self) -> Vec<Finding> {
        doctor::run(self).await
    }

    /// Reads Synapse into a bundle; `page` renders its `report.html`.
    pub async fn export(
        &self,
        job: &Job,
        options: &ExportOptions,
        page: Box<Page>,
    ) -> Result<ExportSummary> {
        source::export(self, job, options, page).await
    }

    /// Says what an import of a bundle (default: the newest in `<data_dir>/bundles`) would do. `history` is how much of
    /// each room's is replayed (default: what was chosen when the import began, else what suits the target).
    pub async fn plan(&self, bundle: Option<PathBuf>, history: Option<Replayed>) -> Result<Plan> {
        let bundle = self.open(bundle).await?;
        let target = self.target()?;
        let abilities = target.abilities().await?;
        let ledger = self.ledger(&ledger_id(&bundle, &target.server_keys().await?))?;
        let history = history.map_or_else(|| chosen(&ledger, &abilities), Ok)?;
        let (_, plan) = plan(bundle, abilities, history).await?;
        Ok(plan)
    }

    /// Carries a bundle over. `history` as for [`Engine::plan`]; what an import began with, it goes on with.
    pub async fn import(
        &self,
        job: &Job,
        bundle: Option<PathBuf>,
        history: Option<Replayed>,
    ) -> Result<ImportSummary> {
        let started = self.clock.now_ms();
        let bundle = self.open(bundle).await?;
        let target = self.target()?;
        let abilities = target.abilities().await?;
        // What can't work must be said before the first account is made.
        let admin = if abilities.replay {
            Some(target.admin_room().await?)
        } else {
            None
        };
        let keys = target.server_keys().await?;
        let id = ledger_id(&bundle, &keys);
        let ledger = self.ledger(&id)?;
        let history =
            same_as_before(&ledger, history)?.map_or_else(|| chosen(&ledger, &abilities), Ok)?;
        let (bundle, plan) = plan(bundle, abilities, history).await?;
        ledger.choose_history(history)?;
        Memory::of(&plan, &id).write(&self.config.data_dir)?;
        let joiner = Joiner {
            name: self.config.server_name.clone(),
            url: target.url().to_owned(),
            keys,
            wants_signed_keys: !plan.target.replay,
        };
        let residence = self.reside(&bundle, joiner).await?;
        let resident = Arc::clone(&residence.resident);
        if let Some(admin) = &admin {
            admin.reach(&self.config.resident.name).await?;
        }
        let passwords = self
            .private_dir("passwords")?
            .join(format!("{}.csv", bundle.name()));
        let import = Import::new(Parts {
            sender: Sender::new(Arc::clone(&resident), Arc::clone(&self.clock), target.url())?,
            ledger,
            passwords: &passwords,
            job: job.clone(),
            bundle,
            plan,
            target,
            admin,
            resident,
        })?;
        let mut summary = import.run().await?;
        summary.elapsed_ms = self.clock.now_ms().saturating_sub(started);
        Ok(summary)
    }

    /// Compares the target with a bundle.
    pub async fn verify(&self, job: &Job, bundle: Option<PathBuf>) -> Result<Verification> {
        let bundle = self.open(bundle).await?;
        let target = self.target()?;
        let abilities = target.abilities().await?;
        let ledger = self.ledger(&ledger_id(&bundle, &target.server_keys().await?))?;
        let history = chosen(&ledger, &abilities)?;
        let (bundle, plan) = plan(bundle, abilities, history).await?;
        let mut verification = verify::run(&target, &bundle, &plan, job, 0).await?;
        verification.finished_ts = self.clock.now_ms();
        Ok(verification)
    }

    /// Where the migration stands.
    pub fn status(&self) -> Result<Status> {
        let Some(last) = Memory::read(&self.config.data_dir)? else {
            return Ok(Status {
                bundle: None,
                accounts: (0, 0),
                rooms: (0, 0),
                events: 0,
                failed: 0,
                running: None,
            });
        };
        let ledger = self.ledger(&last.id)?;
        Ok(Status {
            accounts: (ledger.count_done(Step::Account, None)?, last.users),
            rooms: (ledger.count_done(Step::Settle, None)?, last.rooms),
            events: ledger.events()?,
            failed: ledger.problems()?.len() as u64,
            bundle: Some(last.name),
            running: None,
        })
    }

    /// The target by the registrations' tokens.
    fn target(&self) -> Result<Target> {
        Target::new(&self.config, &self.tokens)
    }

    fn ledger(&self, bundle: &str) -> Result<Ledger> {
        let dir = self.private_dir("ledger")?;
        Ledger::open(&dir.join("ledger.sqlite"), bundle)
    }

    /// Opens a bundle, by default the newest, and checks every byte and whose it is.
    async fn open(&self, path: Option<PathBuf>) -> Result<Bundle> {
        let path = path.map_or_else(|| newest(&self.config.data_dir.join("bundles")), Ok)?;
        let work = self.private_dir("work")?;
        let server_name = self.config.server_name.clone();
        blocking(move || {
            let bundle = Bundle::open(&path, &work)?;
            if *bundle.server_name() != *server_name {
                return Err(Error::Bundle {
                    path,
                    reason: format!(
                        "it is of {}, but server_name is {server_name}: take another bundle or correct the configuration",
                        bundle.server_name()
                    ),
                });
            }
            let wanted = bundle.schema().wanted.as_ref();
            if wanted.is_some_and(|wanted| wanted.inventory) {
                return Err(Error::Bundle {
                    path,
                    reason: "it is an inventory, which has no events and nothing of the users' own: export without \
                             --inventory, or name another with --bundle"
                        .to_owned(),
                });
            }
            if !bundle.schema().complete {
                tracing::warn!(
                    "{} is not complete, its problems.json says why: export again",
                    bundle.path().display()
                );
            }
            Ok(bundle)
        })
        .await
    }

    /// A folder of the installation's data that only its owner may enter.
    fn private_dir(&self, name: &str) -> Result<PathBuf> {
        let dir = self.config.data_dir.join(name);
        private_dir(&dir).map_err(Error::file(&dir))?;
        Ok(dir)
    }
}

/// What was chosen when the import began, else what suits the target.
fn chosen(ledger: &Ledger, target: &Abilities) -> Result<Replayed> {
    Ok(match ledger.history()? {
        Some(begun) => begun,
        None if ledger.has_any(Step::Join)? => Replayed::All,
        None => planner::usual_history(target),
    })
}

/// Rooms that are joined can't be joined at another place.
fn same_as_before(ledger: &Ledger, wanted: Option<Replayed>) -> Result<Option<Replayed>> {
    match (ledger.history()?, wanted) {
        (Some(begun), Some(wanted)) if begun != wanted && ledger.has_any(Step::Join)? => {
            Err(Error::Usage(format!(
                "this import was begun with --history {begun}: go on without --history, for rooms that are joined can't be joined at another place"
            )))
        }
        (_, wanted) => Ok(wanted),
    }
}

/// What the ledger knows a migration by: another export of the same name is another bundle, and a target with another
/// signing key is another target, on which nothing was done yet.
fn ledger_id(bundle: &Bundle, target_keys: &BTreeMap<String, String>) -> String {
    let keys: Vec<_> = target_keys.values().map(String::as_str).collect();
    format!(
        "{} {} {}",
        bundle.name(),
        bundle.schema().exported_ts.unwrap_or_default(),
        keys.join(" ")
    )
}
