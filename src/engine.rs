//! The commands' work, without a word of presentation: shared by the control room and the shell.

mod doctor;

use std::{
    fs,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    Error, Result,
    bundle::Bundle,
    clock::Clock,
    config::{Config, Tokens},
    job::Job,
    ledger::{Ledger, Step},
    migration::{
        facts::RoomFacts,
        import::{Import, Parts},
        outcome::{Finding, ImportSummary, Status, Verification},
        plan::{Abilities, Plan},
        planner, verify,
    },
    resident::{Identity, Notary, Resident, Sender, server, tls},
    source::{admin_api, export, summary::ExportSummary},
    target::Target,
};

/// What an export takes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExportOptions {
    /// Where the bundle goes; default `<data_dir>/bundles/synapse-export-<UTC time>.tar.zst`.
    pub out: Option<PathBuf>,
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

    /// Reads Synapse into a bundle.
    pub async fn export(&self, job: &Job, options: &ExportOptions) -> Result<ExportSummary> {
        let out = match &options.out {
            Some(out) => out.clone(),
            None => self.private_dir("bundles")?.join(self.bundle_name()),
        };
        let synapse = &self.config.synapse;
        let client = admin_api::Client::new(synapse)?;
        export::run(&client, &self.config.server_name, &out, job, &*self.clock).await
    }

    /// Says what an import of a bundle (default: the newest in `<data_dir>/bundles`) would do.
    pub async fn plan(&self, bundle: Option<PathBuf>) -> Result<Plan> {
        let target = self.target()?;
        let abilities = target.abilities().await?;
        let (_, plan) = self.open_and_plan(bundle, abilities).await?;
        Ok(plan)
    }

    /// Carries a bundle over.
    pub async fn import(&self, job: &Job, bundle: Option<PathBuf>) -> Result<ImportSummary> {
        let started = self.clock.now_ms();
        let target = self.target()?;
        let abilities = target.abilities().await?;
        // What can't work must be said before the first account is made.
        let admin = match abilities.replay {
            true => Some(target.admin_room().await?),
            false => None,
        };
        let (bundle, plan) = self.open_and_plan(bundle, abilities).await?;
        self.remember(&bundle)?;
        let resident = self.resident(&target, &bundle, plan.target.replay).await?;
        let app = server::App::new(Arc::clone(&resident), Arc::clone(&self.clock), target.url())?;
        let certificate = tls::load(&self.config.resident, &self.private_dir("resident")?).await?;
        let _listener = server::listen(app, self.config.resident.listen, certificate).await?;
        let passwords = self
            .private_dir("passwords")?
            .join(format!("{}.csv", bundle.name()));
        let import = Import::new(Parts {
            sender: Sender::new(Arc::clone(&resident), Arc::clone(&self.clock), target.url())?,
            ledger: self.ledger(&bundle_id(&bundle))?,
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
        let target = self.target()?;
        let abilities = target.abilities().await?;
        let (bundle, plan) = self.open_and_plan(bundle, abilities).await?;
        let mut verification = verify::run(&target, &bundle, &plan, job, 0).await?;
        verification.finished_ts = self.clock.now_ms();
        Ok(verification)
    }

    /// Where the migration stands.
    pub async fn status(&self) -> Result<Status> {
        let memory = self.config.data_dir.join(LAST_BUNDLE);
        let Some(last) = Memory::read(&memory)? else {
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

    async fn open_and_plan(
        &self,
        path: Option<PathBuf>,
        abilities: Abilities,
    ) -> Result<(Bundle, Plan)> {
        let path = path.map_or_else(|| newest(&self.config.data_dir.join("bundles")), Ok)?;
        let work = self.private_dir("work")?;
        let server_name = self.config.server_name.clone();
        // Unpacking, checksums and the pass over all events block for as long as the bundle is big.
        let opened = tokio::task::spawn_blocking(move || {
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
            let plan = plan(&bundle, abilities)?;
            Ok((bundle, plan))
        });
        opened.await.map_err(|error| {
            Error::Target(format!(
                "the bundle's reader stopped ({error}): report this as a bug"
            ))
        })?
    }

    async fn resident(
        &self,
        target: &Target,
        bundle: &Bundle,
        replay: bool,
    ) -> Result<Arc<Resident>> {
        let identity = Identity::load(
            self.config.resident.name.clone(),
            &self.private_dir("resident")?.join("signing.key.der"),
        )?;
        let notary = Notary::new(
            &self.config.server_name,
            &bundle.server_keys()?,
            target.server_keys().await?,
            !replay,
        );
        Ok(Arc::new(Resident::new(
            identity,
            self.config.server_name.clone(),
            notary,
        )))
    }

    /// A folder of the installation's data that only its owner may enter.
    fn private_dir(&self, name: &str) -> Result<PathBuf> {
        let dir = self.config.data_dir.join(name);
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&dir)
            .map_err(Error::file(&dir))?;
        Ok(dir)
    }

    fn bundle_name(&self) -> String {
        let seconds = i64::try_from(self.clock.now_ms() / 1000).unwrap_or_default();
        let time = jiff::Timestamp::from_second(seconds).unwrap_or_default();
        format!("synapse-export-{}.tar.zst", time.strftime("%Y%m%dT%H%M%SZ"))
    }

    fn remember(&self, bundle: &Bundle) -> Result<()> {
        let memory = Memory {
            name: bundle.name(),
            id: bundle_id(bundle),
            users: bundle.users()?.len() as u64,
            rooms: bundle.rooms()?.len() as u64,
        };
        memory.write(&self.config.data_dir.join(LAST_BUNDLE))
    }
}

/// Where the last imported bundle's name is kept, for `status`.
const LAST_BUNDLE: &str = "last-bundle.json";

/// What `status` needs to know of a bundle without opening it.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
struct Memory {
    name: String,
    id: String,
    users: u64,
    rooms: u64,
}

impl Memory {
    fn read(path: &Path) -> Result<Option<Self>> {
        match fs::read(path) {
            Ok(text) => Ok(serde_json::from_slice(&text).ok()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::file(path)(error)),
        }
    }

    fn write(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_vec(self).unwrap_or_default();
        crate::secret::write_private(path, &text).map_err(Error::file(path))
    }
}

/// What the ledger knows a bundle by: another export of the same name is another bundle.
fn bundle_id(bundle: &Bundle) -> String {
    format!(
        "{} {}",
        bundle.name(),
        bundle.schema().exported_ts.unwrap_or_default()
    )
}

fn plan(bundle: &Bundle, target: Abilities) -> Result<Plan> {
    let users: Vec<_> = bundle
        .users()?
        .iter()
        .map(|user| planner::plan_user(user, bundle.server_name()))
        .collect();
    let able = planner::able_users(&users);
    let rooms = bundle
        .rooms()?
        .into_iter()
        .map(|room| match RoomFacts::read(bundle, room.clone()) {
            Ok(facts) => planner::plan_room(&facts, &target, &able),
            Err(error) => planner::unreadable(&room, &error),
        })
        .collect();
    Ok(Plan {
        server_name: bundle.server_name().to_owned(),
        bundle: bundle.name(),
        target,
        users,
        rooms,
    })
}

/// The newest bundle of a folder, by modification time.
fn newest(dir: &Path) -> Result<PathBuf> {
    let none = || {
        Error::Usage(format!(
            "there is no bundle in {}: run `export` first, or name one with --bundle",
            dir.display()
        ))
    };
    let entries = fs::read_dir(dir).map_err(|_| none())?;
    entries
        .filter_map(std::result::Result::ok)
        .filter(|entry| !entry.file_name().to_string_lossy().contains(".partial"))
        .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
        .max()
        .map(|(_, path)| path)
        .ok_or_else(none)
}
