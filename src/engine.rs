//! The commands' work, without a word of presentation: shared by the control room and the shell.

mod bundles;
mod check;
pub mod cutover;
mod doctor;
mod follow;
mod import;
mod login_bridge;
mod look;
mod memory;
mod opening;
mod pace;
mod residence;
mod retry;
mod shelf;
mod source;
mod sync;
mod there;

#[cfg(test)]
mod tests;

use bundles::Looks;
pub use bundles::{Bundles, Listed, Proved, State};
pub use follow::{FollowedUp, Following};
pub use login_bridge::Opened;
use memory::Memory;
use opening::{Choice, blocking, newest, plan};
pub use residence::{Joiner, Residence};
pub use retry::{Again, Retried, Wanted as WantedAgain};
use shelf::Shelf;
pub use sync::{CaughtUp, Synced};
use there::Names;

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use ruma::{OwnedServerName, OwnedUserId};

use crate::{
    Error, Result,
    bundle::{Bundle, Page, SourceKind},
    clock::Clock,
    config::{Config, Tokens},
    job::{Job, Phase},
    ledger::{Ledger, Step},
    migration::{
        forecast::{Counted, Forecast, Worked, forecast},
        outcome::{Finding, Status, Verification},
        plan::{Abilities, Plan, Replayed},
        planner,
        sign_on::SignOn,
        stages, verify,
    },
    model::{
        media_wish::{MediaWish, WhichMedia},
        mode::Mode,
        provider_pair::Pair,
        stage::Stages,
        wanted::Wanted,
    },
    registration::PUPPETS_LOCALPART,
    secret::{private_dir, write_private},
    source::summary::ExportSummary,
    target::Target,
};

/// Tuwunel's own account (`src/service/globals/mod.rs`).
const SERVER_LOCALPART: &str = "conduit";

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

/// What an import or a plan is asked for. What isn't given is as it was chosen when the import began, else as it suits the
/// target.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a choice of its own, made or not"
)]
pub struct Asked {
    /// How much of each room's history is replayed.
    pub history: Option<Replayed>,
    /// Which media are carried, by age.
    pub media: Option<WhichMedia>,
    /// The largest of them, in MiB.
    pub media_max_mib: Option<u32>,
    /// Whether admins of Synapse become admins of the target, by this import.
    pub admins: bool,
    /// Whether nobody is told the passwords of the accounts that this import makes.
    pub passwords_for_nobody: bool,
    /// Stages that are not done.
    pub left_out: Stages,
    /// Which rooms are made anew.
    pub mode: Option<Mode>,
    /// Whether their messages are sent again; an import that was begun so goes on so.
    pub replay_messages: bool,
    /// Servers through which rooms are joined first; none for those that were named before.
    pub via: Vec<OwnedServerName>,
    /// Whether old accounts leave the rooms that the new ones are in, by this import.
    pub leave_old: bool,
    /// The plan that was confirmed, by [`Plan::digest`].
    pub confirmed: Option<[u8; 32]>,
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
    shelf: Shelf,
    looks: Looks,
}

impl Engine {
    /// Of one installation.
    #[must_use]
    pub fn new(config: Arc<Config>, tokens: Arc<Tokens>, clock: Arc<dyn Clock>) -> Self {
        Self {
            config,
            tokens,
            clock,
            shelf: Shelf::default(),
            looks: Looks::default(),
        }
    }

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

    /// [`Engine::plan_as`], where nothing but the history is asked for.
    pub async fn plan(&self, bundle: Option<PathBuf>, history: Option<Replayed>) -> Result<Plan> {
        let asked = Asked {
            history,
            ..Asked::default()
        };
        self.plan_as(bundle, asked).await
    }

    /// Says what an import of a bundle (default: the newest in `<data_dir>/bundles`) would do.
    pub async fn plan_as(&self, bundle: Option<PathBuf>, asked: Asked) -> Result<Plan> {
        Ok(self.forecast(bundle, asked).await?.0)
    }

    /// The same, with how long it will take.
    pub async fn forecast(
        &self,
        bundle: Option<PathBuf>,
        asked: Asked,
    ) -> Result<(Plan, Forecast)> {
        let bundle = self.open(bundle).await?;
        let (mut plan, names) = self.planned(&bundle, asked).await?;
        plan.people.there = names.there;
        let counted = Counted {
            aliases: bundle.aliases()?.len() as u64,
            listed: bundle.directory()?.len() as u64,
            own: !plan.people.lacks_own,
        };
        let paces = pace::read(&self.config.data_dir)?;
        let mut forecast = forecast(&plan, counted, &paces);
        let keys = self.target()?.server_keys().await?;
        let ledger = self.ledger(&ledger_id(&bundle, &keys))?;
        forecast.begun = ledger.count_done(Step::Account, None)? > 0;
        Ok((plan, forecast))
    }

    /// Takes in how long the stages of an import took, for the next estimate.
    pub fn learn(&self, worked: impl IntoIterator<Item = (Phase, Worked)>) -> Result<()> {
        let mut paces = pace::read(&self.config.data_dir)?;
        for (phase, worked) in worked {
            paces.learn(phase, worked);
        }
        pace::write(&self.config.data_dir, &paces)
    }

    /// An open bundle's plan, and what the target says of the names in it.
    async fn planned(&self, bundle: &Arc<Bundle>, asked: Asked) -> Result<(Plan, Names)> {
        let target = self.target()?;
        let abilities = target.abilities().await?;
        let ledger = self.ledger(&ledger_id(bundle, &target.server_keys().await?))?;
        let choice = choice(&target, &abilities, &ledger, &asked).await?;
        let plan = plan(bundle, abilities, choice).await?;
        stages::needed(&plan, &ledger)?;
        let names = there::look(&target, &ledger, &plan).await?;
        Ok((plan, names))
    }

    /// Compares the target with a bundle, whatever earlier comparisons have found.
    pub async fn verify(&self, job: &Job, bundle: Option<PathBuf>) -> Result<Verification> {
        self.verify_as(job, bundle, true).await
    }

    /// Compares the target with a bundle; files that an earlier comparison has read whole and found equal, only if `is_deep`.
    pub async fn verify_as(
        &self,
        job: &Job,
        bundle: Option<PathBuf>,
        is_deep: bool,
    ) -> Result<Verification> {
        let bundle = self.open(bundle).await?;
        let target = self.target()?;
        let abilities = target.abilities().await?;
        let ledger = self.ledger(&ledger_id(&bundle, &target.server_keys().await?))?;
        let choice = Choice {
            name: self.config.server_name.clone(),
            via: ledger.vias()?,
            leave_old: false,
            history: chosen(&ledger, &abilities)?,
            media: wish(&ledger, &Asked::default())?,
            upload_limit: None,
            admins: false,
            left_out: ledger.left_out()?.unwrap_or_default(),
            own: own(&target),
            joined: opening::joined(&ledger)?,
            mode: ledger.mode()?.unwrap_or_default(),
            replay_messages: ledger.wants_messages()?,
            made: ledger.begun_to_make()?.into_iter().collect(),
        };
        let plan = plan(&bundle, abilities, choice).await?;
        let mut verification = verify::run(&target, &bundle, &plan, &ledger, job, is_deep).await?;
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
                media: (0, 0),
                events: 0,
                failed: 0,
                running: None,
            });
        };
        let ledger = self.ledger(&last.id)?;
        Ok(Status {
            accounts: (ledger.count_done(Step::Account, None)?, last.users),
            rooms: (ledger.count_done(Step::Settle, None)?, last.rooms),
            media: (ledger.count_done(Step::Media, None)?, last.media),
            events: ledger.events()?,
            failed: ledger.problems()?.len() as u64,
            bundle: Some(last.name),
            running: None,
        })
    }

    /// Who logs in by single sign-on; for the providers that are named, Tuwunel's commands in a file, whose path is given.
    pub async fn sign_on(
        &self,
        bundle: Option<PathBuf>,
        providers: Vec<Pair>,
        claim: String,
    ) -> Result<(SignOn, Option<PathBuf>)> {
        let bundle = self.open(bundle).await?;
        let own = own(&self.target()?);
        let name = bundle.name();
        let wants_file = !providers.is_empty();
        let all = blocking(move || SignOn::read(&bundle, &own, &providers, &claim)).await?;
        if !wants_file {
            return Ok((all, None));
        }
        let file = self.private_dir("sign-on")?.join(format!("{name}.toml"));
        write_private(&file, all.settings().as_bytes()).map_err(Error::file(&file))?;
        Ok((all, Some(file)))
    }

    /// The target by the registrations' tokens.
    pub(crate) fn target(&self) -> Result<Target> {
        Target::new(&self.config, &self.tokens)
    }

    fn ledger(&self, bundle: &str) -> Result<Ledger> {
        let dir = self.private_dir("ledger")?;
        Ledger::open(&dir.join("ledger.sqlite"), bundle)
    }

    /// Opens a bundle, by default the newest, and checks every byte and whose it is.
    async fn open(&self, path: Option<PathBuf>) -> Result<Arc<Bundle>> {
        let path = path.map_or_else(|| newest(&self.config.data_dir.join("bundles")), Ok)?;
        self.shelf
            .take(path, async |path| self.opened(path).await)
            .await
    }

    async fn opened(&self, path: PathBuf) -> Result<Bundle> {
        let work = self.private_dir("work")?;
        let server_name = self.config.source_name().clone();
        blocking(move || {
            let bundle = Bundle::open(&path, &work)?;
            if *bundle.server_name() != *server_name {
                return Err(Error::Bundle {
                    path,
                    reason: format!(
                        "it is of {}, but Synapse's name is {server_name} by the configuration: take another bundle, or correct server_name or synapse.server_name",
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

/// Accounts of the target's own and of ours, by whose names nobody can come over: the bot's, the puppets', and the one in
/// whose name Tuwunel answers commands.
fn own(target: &Target) -> Vec<OwnedUserId> {
    let name =
        |localpart: &str| OwnedUserId::try_from(format!("@{localpart}:{}", target.server_name));
    [PUPPETS_LOCALPART, SERVER_LOCALPART]
        .into_iter()
        .filter_map(|localpart| name(localpart).ok())
        .chain([target.bot.clone()])
        .collect()
}

/// What is asked for, else what was chosen before, with what the target says of its limits.
async fn choice(
    target: &Target,
    abilities: &Abilities,
    ledger: &Ledger,
    asked: &Asked,
) -> Result<Choice> {
    let mode = match asked.mode {
        Some(mode) => mode,
        None => ledger.mode()?.unwrap_or_default(),
    };
    if mode != Mode::Federation && (asked.leave_old || !asked.via.is_empty()) {
        return Err(Error::Usage(
            "--via and --leave-old are for rooms that are joined through other servers: give --mode federation, too"
                .to_owned(),
        ));
    }
    same_way(ledger, mode)?;
    Ok(Choice {
        name: target.server_name.clone(),
        via: if asked.via.is_empty() {
            ledger.vias()?
        } else {
            asked.via.clone()
        },
        leave_old: asked.leave_old,
        history: asked
            .history
            .map_or_else(|| chosen(ledger, abilities), Ok)?,
        media: wish(ledger, asked)?,
        upload_limit: upload_limit(target, abilities).await?,
        admins: asked.admins,
        left_out: asked.left_out,
        own: own(target),
        joined: opening::joined(ledger)?,
        mode,
        replay_messages: replay_messages(ledger, asked, mode)?,
        made: ledger.begun_to_make()?.into_iter().collect(),
    })
}

/// Whether messages of rooms that are made anew are sent again: if it is asked for, or was when the import began.
fn replay_messages(ledger: &Ledger, asked: &Asked, mode: Mode) -> Result<bool> {
    let before = ledger.wants_messages()?;
    if before || !asked.replay_messages {
        return Ok(before);
    }
    if !matches!(mode, Mode::Fallback | Mode::Local) {
        return Err(Error::Usage(
            "--replay-messages is for rooms that are made anew: give --mode fallback or --mode local with it"
                .to_owned(),
        ));
    }
    if ledger.has_any(Step::Make)? {
        return Err(Error::Usage(
            "this import has made rooms anew without --replay-messages: go on without it, for what was said before would stand there behind what was said since"
                .to_owned(),
        ));
    }
    Ok(true)
}

/// Rooms that were carried or made anew are not joined through other servers, and the other way round.
fn same_way(ledger: &Ledger, mode: Mode) -> Result<()> {
    let before = ledger.mode()?;
    let differs = |before: &Mode| (*before == Mode::Federation) != (mode == Mode::Federation);
    match before.filter(differs) {
        Some(before) if ledger.has_any(Step::Settle)? || ledger.has_any(Step::Join)? => {
            Err(Error::Usage(format!(
                "this import was begun with --mode {before}: go on with that, for users and rooms come over in another way"
            )))
        }
        _ => Ok(()),
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

/// Which media are asked for, else what was chosen before.
fn wish(ledger: &Ledger, asked: &Asked) -> Result<MediaWish> {
    let before = ledger.media()?.unwrap_or_default();
    Ok(match asked.media {
        Some(which) => MediaWish {
            which,
            max_mib: asked.media_max_mib,
        },
        None => MediaWish {
            max_mib: asked.media_max_mib.or(before.max_mib),
            ..before
        },
    })
}

/// What the target says of its limits, if it can be told to fetch a file at all.
async fn upload_limit(target: &Target, abilities: &Abilities) -> Result<Option<u64>> {
    if abilities.replay {
        target.upload_limit().await
    } else {
        Ok(None)
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
