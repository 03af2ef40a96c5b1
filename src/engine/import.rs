//! Carrying a bundle over: what is settled before the first request that changes anything, then the steps.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use super::{Asked, Engine, Joiner, Residence, choice, ledger_id, memory::Memory, opening::plan};
use crate::{
    Error, Result,
    bundle::Bundle,
    job::Job,
    ledger::{Ledger, Step},
    migration::{
        again::Things,
        changes::gone::Gone,
        context::{Import, Parts},
        outcome::ImportSummary,
        plan::{Plan, Replayed, RoomAction},
        stages,
    },
    model::{media_wish::MediaWish, mode::Mode, stage::Stage},
    resident::Sender,
    source::admin_api::{Client, OldAccounts},
    target::{Target, admin_room::AdminRoom},
};

/// All that is known before anything is done.
pub(super) struct Ready {
    pub(super) bundle: Arc<Bundle>,
    pub(super) plan: Plan,
    pub(super) ledger: Ledger,
    pub(super) target: Target,
    admin: Option<AdminRoom>,
    keys: BTreeMap<String, String>,
    pub(super) id: String,
    history: Replayed,
    media: MediaWish,
}

impl Engine {
    /// [`Engine::import_as`], where nothing but the history is asked for.
    pub async fn import(
        &self,
        job: &Job,
        bundle: Option<PathBuf>,
        history: Option<Replayed>,
    ) -> Result<ImportSummary> {
        let asked = Asked {
            history,
            ..Asked::default()
        };
        self.import_as(job, bundle, asked).await
    }

    /// Carries a bundle over. The history that an import began with, it goes on with.
    pub async fn import_as(
        &self,
        job: &Job,
        bundle: Option<PathBuf>,
        asked: Asked,
    ) -> Result<ImportSummary> {
        let ready = Box::pin(self.ready(bundle, &asked)).await?;
        Box::pin(self.carry(job, ready, &asked, None)).await
    }

    /// Carries out what is ready; what is gone is taken away first.
    pub(super) async fn carry(
        &self,
        job: &Job,
        ready: Ready,
        asked: &Asked,
        gone: Option<&Gone>,
    ) -> Result<ImportSummary> {
        let started = self.clock.now_ms();
        if asked
            .confirmed
            .is_some_and(|confirmed| confirmed != ready.plan.digest())
        {
            return Err(Error::Usage(
                "the plan is not the one that was confirmed any more, for the bundle or the target has changed: order the import again and look at it"
                    .to_owned(),
            ));
        }
        stages::needed(&ready.plan, &ready.ledger)?;
        let left_out = stages::left_so_far(&ready.ledger, asked.left_out)?;
        let memory = Memory::of(&ready.plan, &ready.id, ready.bundle.path());
        let (history, media) = (ready.history, ready.media);
        let nobody = asked.passwords_for_nobody;
        let (import, _residence) = Box::pin(self.prepare(job, ready, None, nobody)).await?;
        // An import that can't begin leaves no choice behind.
        import.ledger.choose(history, media, left_out)?;
        import.ledger.choose_mode(import.plan.mode)?;
        import.ledger.choose_messages(import.plan.replay_messages)?;
        if !asked.via.is_empty() {
            import.ledger.choose_vias(&asked.via)?;
        }
        if let Some(gone) = gone {
            gone.run(&import).await?;
        }
        // From now on it is this bundle with which the next one is compared: nothing may be left of the one before.
        memory.write(&self.config.data_dir)?;
        let mut summary = Box::pin(import.run()).await?;
        summary.elapsed_ms = self.clock.now_ms().saturating_sub(started);
        Ok(summary)
    }

    /// Opens the bundle, asks the target what it can, and plans.
    pub(super) async fn ready(&self, bundle: Option<PathBuf>, asked: &Asked) -> Result<Ready> {
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
        same_as_before(&ledger, asked.history)?;
        let choice = choice(&target, &abilities, &ledger, asked).await?;
        let (history, media) = (choice.history, choice.media);
        let plan = plan(&bundle, abilities, choice).await?;
        Ok(Ready {
            bundle,
            plan,
            ledger,
            target,
            admin,
            keys,
            id,
            history,
            media,
        })
    }

    /// All that must be in place before what is planned is done, or of it what concerns some things: nothing is changed yet.
    /// The resident listens as long as the residence is kept.
    pub(super) async fn prepare(
        &self,
        job: &Job,
        ready: Ready,
        things: Option<Things>,
        passwords_for_nobody: bool,
    ) -> Result<(Import, Residence)> {
        let Ready {
            bundle,
            plan,
            ledger,
            target,
            admin,
            keys,
            ..
        } = ready;
        let joiner = Joiner {
            name: self.config.server_name.clone(),
            url: target.url().to_owned(),
            keys,
            wants_signed_keys: !plan.target.replay,
        };
        if needs_old_keys(&plan) {
            has_old_keys(&bundle)?;
        }
        let residence = self.reside(&bundle, joiner).await?;
        let resident = Arc::clone(&residence.resident);
        if let Some(admin) = &admin
            && needs_resident(&ledger, &plan, things.as_ref())?
        {
            admin.reach(&self.config.resident.name).await?;
        }
        let old_server = self.old_server(&bundle, &plan, target.url())?;
        let old_accounts = (plan.mode == Mode::Federation)
            .then(|| Client::new(&self.config.synapse))
            .transpose()?
            .map(|client| OldAccounts::new(client, Arc::clone(&self.clock)));
        let passwords = self
            .private_dir("passwords")?
            .join(format!("{}.csv", bundle.name()));
        let import = Import::new(Parts {
            sender: Sender::new(Arc::clone(&resident), Arc::clone(&self.clock), target.url())?,
            ledger,
            passwords: &passwords,
            passwords_for_nobody,
            things,
            job: job.clone(),
            bundle,
            plan,
            target,
            admin,
            resident,
            old_server,
            old_accounts,
        })?;
        Ok((import, residence))
    }
}

/// Whether anything comes over that the old server has signed: a bundle of version 1 has no such thing.
fn needs_old_keys(plan: &Plan) -> bool {
    let mut rooms = plan.rooms.iter();
    plan.media.files > 0
        || rooms.any(|room| {
            matches!(
                room.action,
                RoomAction::Carry { .. } | RoomAction::Pending { .. }
            )
        })
}

/// Without the old key the target would drop every event of ours without a word.
fn has_old_keys(bundle: &Bundle) -> Result<()> {
    let ours = bundle.server_name();
    if bundle.server_keys()?.contains_key(ours) {
        return Ok(());
    }
    Err(Error::Bundle {
        path: bundle.path().to_owned(),
        reason: format!(
            "server_keys.json has no key of {ours}: let synapse.url serve /_matrix/key/v2/server, and export again"
        ),
    })
}

/// Whether anything is left that the target gets from the resident.
fn needs_resident(ledger: &Ledger, plan: &Plan, things: Option<&Things>) -> Result<bool> {
    let is_left = |stage| plan.left_out.has(stage);
    if things.is_none_or(|things| !things.media.is_empty())
        && !is_left(Stage::Media)
        && ledger.count_done(Step::Media, None)? < plan.media.files
    {
        return Ok(true);
    }
    let rooms = plan.rooms.iter().filter(|_| !is_left(Stage::Rooms));
    for room in rooms.filter(|room| things.is_none_or(|it| it.has_room(&room.room_id))) {
        let is_to_be_there = matches!(
            room.action,
            RoomAction::Carry { .. } | RoomAction::Pending { .. }
        );
        let is_named = things.is_some_and(|things| things.named);
        if is_to_be_there && (is_named || !ledger.is_done(Step::Settle, &room.room_id)?) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Rooms that are joined can't be joined at another place.
fn same_as_before(ledger: &Ledger, wanted: Option<Replayed>) -> Result<()> {
    match (ledger.history()?, wanted) {
        (Some(begun), Some(wanted)) if begun != wanted && ledger.has_any(Step::Join)? => {
            Err(Error::Usage(format!(
                "this import was begun with --history {begun}: go on without --history, for rooms that are joined can't be joined at another place"
            )))
        }
        _ => Ok(()),
    }
}
