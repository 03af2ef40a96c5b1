//! `bot-keys`: one step for one bot or for several.

mod admin;
mod alone;
mod done;
mod errands;
mod secrets;

use std::sync::Mutex;

use ruma::OwnedUserId;

pub use alone::Alone;
pub use done::{Done, Outcome};
pub use errands::{Known, Service, needs_configuration};
pub use secrets::Asker;

use self::{admin::Admin, errands::errands};
use super::{Answer, Operation, Preview, Surface};
use crate::{
    Error, Result,
    bot_keys::{
        account::Door,
        errand::{EXTRACTED, Errand},
        key_backup::key_files,
        safekeeping::{keep, restore},
        write::{write_export, write_json},
    },
    clock::Clock,
    command::bot_keys::{BotKeys, DeleteDevice, Extract, Step},
    job::Job,
    report,
};

/// The encrypted export, in a bot's folder.
const EXPORT: &str = "room-keys.txt";

/// What a step needs beside its errand.
struct Means<'a> {
    clock: &'a dyn Clock,
    job: &'a Job,
    asker: &'a Asker,
    admin: &'a Admin,
}

/// Does a step for all bots that it is for. Where one fails the others have their turn all the same.
async fn carry_out(order: &BotKeys, known: &Known, means: &Means<'_>) -> Result<Vec<Outcome>> {
    if let Step::Restore(step) = &order.step {
        let storage = step.place.storage();
        let now = means.clock.now_ms();
        let restored = restore::restore(&step.kept, &storage, step.force, now)?;
        let done = Done::Restored {
            restored,
            kept: step.kept.clone(),
            storage,
        };
        return Ok(vec![Outcome::of(None, Ok(done))]);
    }
    let errands = errands(order, known, means.asker)?;
    let is_one = errands.len() == 1;
    let mut outcomes = Vec::new();
    for (user, errand) in errands {
        means.job.turn().await?;
        let result = match errand {
            // The steps of all kinds make a large future.
            Ok(errand) => Box::pin(one(order, &errand, means)).await,
            Err(error) => Err(error),
        };
        match result {
            Err(error) if is_one => return Err(error),
            Err(Error::Stopped) => return Err(Error::Stopped),
            result => outcomes.push(Outcome::of(user, result)),
        }
    }
    Ok(outcomes)
}

async fn one(order: &BotKeys, errand: &Errand, means: &Means<'_>) -> Result<Done> {
    let now = means.clock.now_ms();
    let account = || errand.account();
    match &order.step {
        Step::Backup(step) => {
            let keep = || keep::keep(&errand.storage, &errand.folder, step.force, now);
            tokio::task::block_in_place(keep).map(Done::Kept)
        }
        // It has no errand.
        Step::Restore(_) => Err(Error::Usage("name the copy that is put back".to_owned())),
        Step::Extract(step) => {
            let extract = || extracted(step, errand, means);
            tokio::task::block_in_place(extract)
        }
        Step::Enable(step) => {
            let account = account().await?;
            let signers = tokio::task::block_in_place(|| errand.signers(means.job));
            let enabled = errand.enable(&account, signers, now).await?;
            let shown = step.recovery.show_recovery_key;
            Ok(Done::Enabled {
                shown: shown.then(|| key_files::recovery_key(&enabled.key).into()),
                user: account.user,
                enabled,
            })
        }
        Step::Upload(_) => {
            let account = account().await?;
            let (keys, found) = tokio::task::block_in_place(|| errand.keys(means.job))?;
            let uploaded = errand
                .upload(&account, &Mutex::new(keys), means.job)
                .await?;
            Ok(Done::Uploaded {
                user: account.user,
                found,
                uploaded,
            })
        }
        Step::Verify(_) => {
            let account = account().await?;
            let (keys, found) = tokio::task::block_in_place(|| errand.keys(means.job))?;
            let verified = errand
                .verify(&account, &Mutex::new(keys), means.job, now)
                .await?;
            Ok(Done::Verified {
                user: account.user,
                found,
                verified,
            })
        }
        Step::DeleteDevice(step) => deleted(step, errand, means).await,
        Step::All(step) => {
            let all = errand.all(means.job, means.clock).await?;
            let shown = step.recovery.show_recovery_key;
            Ok(Done::All {
                shown: shown.then(|| key_files::recovery_key(&all.enabled.key).into()),
                all: Box::new(all),
            })
        }
    }
}

fn extracted(step: &Extract, errand: &Errand, means: &Means<'_>) -> Result<Done> {
    let passphrase = means.asker.secret(
        step.export_passphrase.as_deref(),
        "EXPORT_PASSPHRASE",
        "--export-passphrase",
        "passphrase for the export",
    )?;
    let plain = match &step.output {
        Some(path) => Some(path.clone()),
        None => step.plain.then(|| errand.folder.join(EXTRACTED)),
    };
    if passphrase.is_none() && plain.is_none() && means.asker.surface() == Surface::Shell {
        return Err(Error::Usage(format!(
            "say how the keys are to be written: with --export-passphrase encrypted, into {EXPORT}, or with --plain for anybody to read, into {EXTRACTED}"
        )));
    }
    let (keys, found) = errand.store(means.job)?;
    let mut files = Vec::new();
    if let Some(passphrase) = passphrase {
        let usual = || errand.folder.join(EXPORT);
        let path = step.export.clone().unwrap_or_else(usual);
        write_export(&keys, &path, &passphrase)?;
        files.push(path);
    }
    if let Some(path) = &plain {
        write_json(&keys, path)?;
        files.push(path.clone());
    }
    Ok(Done::Extracted {
        found,
        files,
        plain,
    })
}

/// The device that is meant. In the room it has to be named: what is confirmed there must be what is done.
fn device(step: &DeleteDevice, errand: &Errand, surface: Surface) -> Result<String> {
    match (&step.device, keep::device(&errand.storage), surface) {
        (Some(named), ..) => Ok(named.clone()),
        (None, Some(kept), Surface::Shell) => Ok(kept),
        (None, Some(kept), Surface::Room) => Err(Error::Usage(format!(
            "say which device, with --device: the bot's storage names {kept}, which is the new bot's if that has begun to use this storage"
        ))),
        (None, None, _) => Err(Error::Usage(
            "say which device: no bot-sdk.json in the bot's storage names one; give its ID with --device"
                .to_owned(),
        )),
    }
}

/// In the room nobody can give a password.
fn check_door(errand: &Errand, surface: Surface) -> Result<()> {
    match (&errand.door, surface) {
        (Some(Door::Token { .. }), Surface::Room) => Err(Error::Usage(
            "the homeserver of this bot asks for its password: use the shell".to_owned(),
        )),
        _ => Ok(()),
    }
}

async fn deleted(step: &DeleteDevice, errand: &Errand, means: &Means<'_>) -> Result<Done> {
    check_door(errand, means.asker.surface())?;
    let id = device(step, errand, means.asker.surface())?;
    let account = errand.account().await?;
    account.check_old(&id)?;
    let Some(device) = account.device(&id).await? else {
        return Err(Error::Usage(format!(
            "{} has no device {id} on the homeserver: it is gone already, or another is meant",
            account.user
        )));
    };
    means.asker.confirm(&account.user, &device)?;
    if account.by_service() {
        means.admin.delete_device(&account.user, &id).await?;
        account.is_gone(&id).await?;
    } else {
        let password = means.asker.secret(
            step.password.as_deref(),
            "MIGRATION_PASSWORD",
            "--password",
            "password of the bot's account",
        )?;
        let password = password.ok_or_else(|| {
            Error::Usage(
                "the homeserver asks for the account's password: give it with --password, or in MIGRATION_PASSWORD"
                    .to_owned(),
            )
        })?;
        account.delete_device(&id, &password).await?;
    }
    Ok(Done::Deleted {
        user: account.user,
        device,
    })
}

impl Operation {
    /// What is known here of bots.
    fn known(&self) -> Known {
        let config = &self.engine.config;
        Known {
            list: config.bot_keys.list.clone(),
            service: Some(Service {
                homeserver: config.target.url.clone(),
                token: self.engine.tokens.puppets_as.clone(),
            }),
            data_dir: Some(config.data_dir.clone()),
            surface: self.surface,
        }
    }

    pub(super) async fn bot_keys(&self, job: &Job, order: &BotKeys) -> Result<Answer> {
        let asker = Asker::new(self.surface);
        let admin = Admin::of(self.engine.target()?);
        let means = Means {
            clock: &*self.engine.clock,
            job,
            asker: &asker,
            admin: &admin,
        };
        let outcomes = carry_out(order, &self.known(), &means).await?;
        let full = report::bot_keys::full(&outcomes);
        let data = report::bot_keys::data(&outcomes);
        let files = self.write("bot-keys", &full, &data)?;
        let good = outcomes.iter().all(Outcome::is_good);
        Ok(Answer {
            files: if outcomes.len() > 1 || !good {
                files
            } else {
                Vec::new()
            },
            good,
            data: Some(data),
            ..Answer::of(self.spoken(&report::bot_keys::short(&outcomes)))
        })
    }

    /// What would be done to which bots' accounts.
    pub(super) async fn bot_keys_preview(&self, order: &BotKeys) -> Result<Preview> {
        let asker = Asker::new(self.surface);
        let mut bots = Vec::new();
        for (user, errand) in errands(order, &self.known(), &asker)? {
            let device = match (&order.step, &errand) {
                (Step::DeleteDevice(step), Ok(errand)) => {
                    check_door(errand, self.surface)?;
                    Some(device(step, errand, self.surface)?)
                }
                _ => None,
            };
            bots.push(Before {
                found: before(errand).await,
                user,
                device,
            });
        }
        let markdown = report::bot_keys::preview(order, &bots);
        let digest = sha2::Digest::finalize(sha2::Digest::chain_update(
            <sha2::Sha256 as sha2::Digest>::new(),
            &markdown,
        ));
        Ok(Preview {
            markdown,
            files: Vec::new(),
            digest: Some(digest.into()),
        })
    }
}

async fn before(errand: Result<Errand>) -> Result<Option<(String, u64)>> {
    let account = errand?.account().await?;
    let backup = account.backup().await?;
    Ok(backup.map(|backup| (backup.version, backup.count)))
}

/// A bot's account before anything is done.
pub struct Before {
    /// The bot.
    pub user: Option<OwnedUserId>,
    /// Version and number of sessions of its backup, or why nothing can be said.
    pub found: std::result::Result<Option<(String, u64)>, Error>,
    /// The device that would be deleted.
    pub device: Option<String>,
}
