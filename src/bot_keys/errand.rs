//! What is to be done for one bot, with all that it takes: nobody is asked any more. One function for each step, and one for
//! all of them.

mod all;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use ruma::{OwnedUserId, UserId};
use serde::Serialize;

pub use all::{All, Stage};

use super::{
    account::{Account, Door},
    cross_check::{CrossCheck, HIDDEN, Program, cross_check},
    extract::{Extracted, Wish, extract},
    key_backup::{
        enable::{Enabled, KeyFrom, Wanted, enable},
        key_files,
        upload::{Into, Uploaded, upload},
        verify::{Verified, verify},
    },
    place::{Kind, find},
    read::read,
    safekeeping::keep::{Storage, USUAL_STORE},
    signer::Signers,
    state::State,
    write::write_failed,
};
use crate::{
    Error, Result,
    job::{Event, Job, Phase},
    secret::{SecretString, private_dir},
};

/// The plain keys of a store, as the tool before wrote them.
pub const EXTRACTED: &str = "extracted-keys.json";

/// What could not be read.
pub const FAILED: &str = "failed-sessions.json";

/// A bot, and what is wanted for it.
#[derive(Debug, Clone)]
pub struct Errand {
    /// The bot, where that is known before its homeserver is asked.
    pub user: Option<OwnedUserId>,
    /// Its storage and its crypto store.
    pub storage: Storage,
    /// Where its files go: keys, state, lists.
    pub folder: PathBuf,
    /// The store's passphrase; nothing for the empty one and none.
    pub passphrase: Option<SecretString>,
    /// Goes on behind what is broken.
    pub skip_errors: bool,
    /// The account need not be the store's own.
    pub other_account: bool,
    /// Sled itself looks, too, in a process of its own.
    pub cross_check: bool,
    /// Keys that were extracted before; nothing for [`EXTRACTED`] in the folder, or else the store.
    pub extracted: Option<PathBuf>,
    /// Where broken places are listed; nothing for [`FAILED`] in the folder.
    pub failed: Option<PathBuf>,
    /// How its account is reached.
    pub door: Option<Door>,
    /// What the backup is to be like.
    pub wanted: Wanted,
    /// So many sessions are compared; all without it.
    pub sample: Option<u64>,
}

/// What a bot's store, or a file made of it, has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Found {
    /// The stores that were read, or the file.
    pub from: Vec<PathBuf>,
    /// Whether it was a file of keys, and no store.
    pub is_file: bool,
    /// Sessions.
    pub keys: u64,
    /// Rooms that have one.
    pub rooms: u64,
    /// Broken places.
    pub broken: u64,
    /// The list of them, if there are any.
    pub list: Option<PathBuf>,
    /// Whether the store still changed while it was read.
    pub changed: bool,
    /// What Sled itself has found in each Sled store, if it was asked.
    pub cross_checks: Vec<CrossCheck>,
}

impl Found {
    /// Whether all that is there was found, as far as it is intact and as it was asked.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        !self.changed && self.cross_checks.iter().all(CrossCheck::is_good)
    }
}

/// A bot's sessions, for several threads.
pub type Keys = Mutex<Extracted>;

impl Errand {
    /// Its account.
    pub async fn account(&self) -> Result<Account> {
        let door = self.door.as_ref().ok_or_else(|| {
            Error::Usage(
                "say how the bot's account is reached: its homeserver with --homeserver and its access token in the variable ACCESS_TOKEN, or the bot's user ID, for which the application service then acts"
                    .to_owned(),
            )
        })?;
        Account::open(door, self.user.as_deref()).await
    }

    /// Reads the file that was made of the store before, if there is one, else the store.
    pub fn keys(&self, job: &Job) -> Result<(Extracted, Found)> {
        match self.extracted_before() {
            Some(file) => {
                self.begin(job)?;
                self.check_file(&file)?;
                let extracted = read(&file, &self.folder)?;
                let found = self.found(&extracted, Some(file))?;
                Ok((extracted, found))
            }
            None => self.store(job),
        }
    }

    /// Reads the store.
    pub fn store(&self, job: &Job) -> Result<(Extracted, Found)> {
        self.begin(job)?;
        let wish = self.wish(job);
        let extracted = extract(&wish)?;
        let mut found = self.found(&extracted, None)?;
        if self.cross_check {
            let program = Program::this(&[HIDDEN])?;
            let places = extracted.places().iter();
            for place in places.filter(|place| place.kind == Kind::Sled) {
                job.check()?;
                let check = cross_check(place, &extracted, &wish, &program)?;
                found.cross_checks.push(check);
            }
        }
        Ok((extracted, found))
    }

    /// An error if the store is more than the file has, or is to be looked at.
    fn check_file(&self, file: &Path) -> Result<()> {
        let instead = |reason: &str| {
            Err(Error::Usage(format!(
                "{} would be used instead of the store, {reason}: move it away, or name it with --keys",
                file.display()
            )))
        };
        if self.cross_check {
            return instead("and --cross-check looks at the store");
        }
        if self.extracted.is_some() {
            return Ok(());
        }
        let written = |path: &Path| fs::metadata(path).and_then(|about| about.modified()).ok();
        let places = find(&self.wish(&Job::new().0).store, self.user.as_deref());
        for place in places.unwrap_or_default() {
            let store = match place.kind {
                Kind::Sled => place.path.join("db"),
                Kind::Sqlite => place.path,
            };
            if written(&store) > written(file) {
                return instead("which was written since");
            }
        }
        Ok(())
    }

    fn begin(&self, job: &Job) -> Result<()> {
        job.check()?;
        let phase = Phase::BotKeysExtract;
        job.emit(Event::Phase { phase, total: 0 });
        private_dir(&self.folder).map_err(Error::file(&self.folder))
    }

    fn extracted_before(&self) -> Option<PathBuf> {
        let usual = || Some(self.folder.join(EXTRACTED)).filter(|path| path.exists());
        self.extracted.clone().or_else(usual)
    }

    fn wish(&self, job: &Job) -> Wish {
        let Storage { store, folder } = &self.storage;
        // A store in the usual place may also stand in another one of the storage folder; one that was named may not.
        let is_usual = *store == folder.join(USUAL_STORE);
        let store = if store.exists() || !is_usual {
            store
        } else {
            folder
        };
        Wish {
            store: store.clone(),
            user: self.user.clone(),
            passphrase: self.passphrase.clone(),
            skip_errors: self.skip_errors,
            job: job.clone(),
            work: self.folder.clone(),
        }
    }

    fn found(&self, extracted: &Extracted, file: Option<PathBuf>) -> Result<Found> {
        let broken = extracted.total_broken()?;
        // A file has only the number: its list was written when it was.
        let list = (broken > 0 && file.is_none()).then(|| self.list());
        if file.is_none() && (broken > 0 || self.list().exists()) {
            // A former list is not to outlive what was in it.
            write_failed(extracted, &self.list())?;
        }
        let places = extracted.places().iter().map(|place| place.path.clone());
        Ok(Found {
            is_file: file.is_some(),
            from: file.map_or_else(|| places.collect(), |file| vec![file]),
            keys: extracted.total()?,
            rooms: extracted.rooms()?,
            broken,
            list,
            changed: extracted.changed(),
            cross_checks: Vec::new(),
        })
    }

    fn list(&self) -> PathBuf {
        let usual = || self.folder.join(FAILED);
        self.failed.clone().unwrap_or_else(usual)
    }

    /// What the store has to sign a backup with. A store that can't be read signs nothing.
    pub fn signers(&self, job: &Job) -> Signers {
        match self.store(job) {
            Ok((keys, _)) => keys.signers().clone(),
            Err(error) => {
                tracing::warn!("a new backup is not signed: {error}");
                Signers::default()
            }
        }
    }

    /// Finds or makes the backup, and keeps its version. A new one is signed.
    pub async fn enable(
        &self,
        account: &Account,
        signers: Signers,
        now_ms: u64,
    ) -> Result<Enabled> {
        private_dir(&self.folder).map_err(Error::file(&self.folder))?;
        // The folder is this bot's from now on: another one's keys must not be taken for its own.
        let mut state = State::load(&self.folder, &account.user)?.unwrap_or_else(|| State {
            backup_version: None,
            unfinished: None,
            new_device_id: account.device.clone(),
            user_id: account.user.clone(),
            last_updated: String::new(),
        });
        state.keep(&self.folder, now_ms)?;
        let wanted = Wanted {
            signers,
            unfinished: state.unfinished.clone(),
            ..self.wanted.clone()
        };
        let begin = |public: &str| {
            let state = State {
                unfinished: Some(public.to_owned()),
                ..state.clone()
            };
            state.keep(&self.folder, now_ms)
        };
        let enabled = enable(account, &self.folder, &wanted, now_ms, &begin).await?;
        if enabled.from == KeyFrom::New {
            state.unfinished = Some(enabled.public_key.clone());
        } else if state.unfinished.as_ref() != Some(&enabled.public_key) {
            state.unfinished = None;
        }
        state.backup_version = Some(enabled.version.clone());
        state.new_device_id.clone_from(&account.device);
        state.keep(&self.folder, now_ms)?;
        Ok(enabled)
    }

    /// An error if the store says that it is somebody else's: whoever has the account would read what that one can.
    pub fn check_owner(&self, owners: &BTreeSet<OwnedUserId>, user: &UserId) -> Result<()> {
        match owners.iter().find(|owner| *owner != user) {
            Some(owner) if !self.other_account => Err(Error::BotStore {
                path: self.storage.store.clone(),
                reason: format!(
                    "it is that of {owner}, and the account is {user}: nothing was sent; give the store and the token of one bot, or try it on another account with --other-account"
                ),
            }),
            _ => Ok(()),
        }
    }

    /// Uploads into the backup that was enabled.
    pub async fn upload(&self, account: &Account, keys: &Keys, job: &Job) -> Result<Uploaded> {
        let owners = keys
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .owners()
            .clone();
        self.check_owner(&owners, &account.user)?;
        let (into, _) = enabled(&self.folder, account).await?;
        upload(account, &into, keys, job).await
    }

    /// Compares the backup that was enabled.
    pub async fn verify(
        &self,
        account: &Account,
        keys: &Keys,
        job: &Job,
        now_ms: u64,
    ) -> Result<Verified> {
        let (into, key) = enabled(&self.folder, account).await?;
        let seen = verify(account, &into.version, &key, keys, self.sample, job).await?;
        if seen.is_complete()
            && self.sample.is_none()
            && let Some(mut state) = State::load(&self.folder, &account.user)?
        {
            state.unfinished = None;
            state.keep(&self.folder, now_ms)?;
        }
        Ok(seen)
    }
}

/// The backup that `enable` has left in a folder.
async fn enabled(
    folder: &Path,
    account: &Account,
) -> Result<(Into, matrix_sdk_crypto::store::types::BackupDecryptionKey)> {
    let key = key_files::load(folder)?.ok_or_else(|| {
        Error::Usage(format!(
            "{} is not in {}: run `bot-keys enable` first, or name the folder with --into",
            key_files::RECOVERY_KEY,
            folder.display()
        ))
    })?;
    let state = State::load(folder, &account.user)?;
    let version = if let Some(version) = state.and_then(|state| state.backup_version) {
        version
    } else {
        let now = account.backup().await?;
        now.map(|now| now.version).ok_or_else(|| {
            Error::Usage(format!(
                "{} has no key backup on the server: run `bot-keys enable` first",
                account.user
            ))
        })?
    };
    let into = Into {
        version,
        public_key: key_files::public(&key),
    };
    Ok((into, key))
}

#[cfg(test)]
mod tests;
