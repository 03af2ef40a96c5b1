//! `bot-keys enable`: a backup whose private key is on disk, before any server hears of it.

use std::path::{Path, PathBuf};

use matrix_sdk_crypto::{secret_storage::SecretStorageKey, store::types::BackupDecryptionKey};
use ruma::OwnedDeviceId;
use serde::Serialize;
use serde_json::json;

use super::{
    key_files,
    secret_storage::{self, Found},
    server_backup::Version,
};
use crate::{
    Error, Result,
    bot_keys::{account::Account, signer::Signers},
    secret::{ExposeSecret, SecretString},
};

/// What is wanted.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// A new version, whatever is there.
    pub new_version: bool,
    /// The public key of a version that an earlier try has made, or was about to make, and that is not known to be filled:
    /// it is the new one.
    pub unfinished: Option<String>,
    /// Recovery key or passphrase of the bot's secret storage, or of one that is to be set up.
    pub secret: Option<SecretString>,
    /// Whether the secret is a passphrase, if a secret storage is to be set up with it.
    pub is_passphrase: bool,
    /// What a new version is signed with: those of the bot's keys that the homeserver knows.
    pub signers: Signers,
    /// The only device that may sign, if it is to be a certain one.
    pub device: Option<OwnedDeviceId>,
}

/// Whose key the backup has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyFrom {
    /// It was made now, or by an earlier try.
    New,
    /// The version was there, and so was the key's file.
    File,
    /// The version was there, and its key in the bot's secret storage.
    SecretStorage,
    /// The version was there, and its recovery key was given.
    Given,
}

/// Whether clients find the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Storage {
    /// A secret storage was set up; the recovery key opens it.
    Made,
    /// A secret storage was set up; the passphrase that was given opens it.
    MadeByPassphrase,
    /// The key was put into the one that is there.
    Extended,
    /// It was in there.
    Kept,
    /// There is one, and nothing that was given opens it.
    Closed,
}

/// A backup that is ready for keys.
#[derive(Debug, Serialize)]
pub struct Enabled {
    /// The version.
    pub version: String,
    /// Its public key in unpadded Base64.
    pub public_key: String,
    /// Its private key.
    #[serde(skip)]
    pub key: BackupDecryptionKey,
    /// Where that came from.
    pub from: KeyFrom,
    /// The IDs of the keys that signed the version, if it was made now.
    pub signed_by: Vec<String>,
    /// Whether clients find it.
    pub storage: Storage,
    /// Whether the recovery key opens the account's secret storage, too, so that a client needs nothing else.
    pub opens_storage: bool,
    /// The file with the recovery key.
    pub file: PathBuf,
}

impl Enabled {
    /// Whether clients find the key in the account's secret storage, as far as can be seen: that of a new version is not in
    /// one that stayed closed.
    #[must_use]
    pub fn is_findable(&self) -> bool {
        (self.from, self.storage) != (KeyFrom::New, Storage::Closed)
    }
}

/// Finds or makes a backup of the bot's, with its key in files of `folder`. `begin` is told the public key of a version before
/// that is made.
pub async fn enable(
    account: &Account,
    folder: &Path,
    wanted: &Wanted,
    now_ms: u64,
    begin: &(dyn Fn(&str) -> Result<()> + Sync),
) -> Result<Enabled> {
    let current = account.backup().await?;
    let kept = key_files::load(folder)?;
    let given = wanted.secret.as_ref().and_then(as_backup_key);
    let fits = |key: &BackupDecryptionKey| {
        let used = current.as_ref().and_then(Version::public_key);
        used == Some(&*key_files::public(key))
    };
    let storage = match account.secret_storage(wanted.secret.as_ref()).await {
        // What was given opens the backup itself.
        Err(_) if given.as_ref().is_some_and(fits) => Found::Closed,
        // One that was set up here before is opened by the key of that time.
        Ok(Found::Closed) => match &kept {
            Some(kept) => {
                let kept = kept.to_base58().into();
                account
                    .secret_storage(Some(&kept))
                    .await
                    .unwrap_or(Found::Closed)
            }
            None => Found::Closed,
        },
        other => other?,
    };
    let stored = match &storage {
        Found::Open(opened) => match account.stored_backup_key(opened).await {
            // It is replaced, or not needed.
            Err(_) if wanted.new_version || kept.as_ref().is_some_and(fits) => None,
            stored => stored?,
        },
        _ => None,
    };
    let ways = [
        (kept, KeyFrom::File),
        (stored, KeyFrom::SecretStorage),
        (given, KeyFrom::Given),
    ];
    let (mut found, mut unused) = (None, None);
    for (key, from) in ways {
        match key {
            Some(key) if fits(&key) => found = found.or(Some((key, from))),
            // A try that was cut off between the file and the version goes on with its key.
            Some(key) if from == KeyFrom::File => unused = Some(key),
            _ => {}
        }
    }
    let mut signed_by = Vec::new();
    let is_taken = |version: &Version| {
        !wanted.new_version
            || version.public_key().is_some()
                && wanted.unfinished.as_deref() == version.public_key()
    };
    let (version, key, from, of_storage) = match (current, found) {
        (Some(version), Some((key, from))) if is_taken(&version) => {
            (version.version, key, from, None)
        }
        (Some(version), None) if !wanted.new_version => {
            return Err(Error::Usage(format!(
                "the bot has a backup already (version {}, {} keys), and its key is neither in {} nor in a secret storage that could be opened: give the bot's recovery key or passphrase, or begin a new version with --new-version",
                version.version,
                version.count,
                folder.display()
            )));
        }
        _ => {
            let is_bare = matches!(storage, Found::Nothing);
            let (key, of_storage) = match unused {
                Some(key) => (key, None),
                None => fresh(wanted, is_bare)?,
            };
            key_files::keep(folder, &key, now_ms)?;
            begin(&key_files::public(&key))?;
            let auth_data = json!({"public_key": key_files::public(&key)});
            let device = wanted.device.as_deref();
            let signed = account.sign(auth_data, &wanted.signers, device).await?;
            let version = account.create_backup(&signed.auth_data).await?;
            signed_by = signed.by;
            (version, key, KeyFrom::New, of_storage)
        }
    };
    let (storage, opens_storage) = put_away(account, storage, &key, of_storage, wanted).await?;
    let file = key_files::keep(folder, &key, now_ms)?;
    Ok(Enabled {
        version,
        public_key: key_files::public(&key),
        key,
        from,
        signed_by,
        storage,
        opens_storage,
        file,
    })
}

fn as_backup_key(secret: &SecretString) -> Option<BackupDecryptionKey> {
    BackupDecryptionKey::from_base58(secret.expose_secret()).ok()
}

/// A new key. Where a passphrase is to open the new secret storage, it is the one that the passphrase makes.
fn fresh(
    wanted: &Wanted,
    is_bare: bool,
) -> Result<(BackupDecryptionKey, Option<SecretStorageKey>)> {
    match &wanted.secret {
        Some(secret) if is_bare && wanted.is_passphrase => {
            let storage = SecretStorageKey::new_from_passphrase(secret.expose_secret().trim());
            let key = BackupDecryptionKey::from_base58(&storage.to_base58());
            let key = key.map_err(|error| {
                Error::Usage(format!(
                    "a key can't be made ({error}): report this as a fault"
                ))
            })?;
            Ok((key, Some(storage)))
        }
        Some(_) if is_bare => Err(Error::Usage(
            "the bot has no secret storage that a recovery key could open: leave the recovery key out, and a new one is made".to_owned(),
        )),
        _ => Ok((BackupDecryptionKey::new(), None)),
    }
}

/// Sees to it that clients find the key. A new secret storage is opened by the backup's own key, so that there is one
/// recovery key only; whether it is so is said, too.
async fn put_away(
    account: &Account,
    storage: Found,
    key: &BackupDecryptionKey,
    of_storage: Option<SecretStorageKey>,
    wanted: &Wanted,
) -> Result<(Storage, bool)> {
    let (opened, made) = match storage {
        Found::Closed => return Ok((Storage::Closed, false)),
        Found::Open(opened) => (*opened, false),
        Found::Nothing => {
            let of_storage = match (of_storage, &wanted.secret) {
                (Some(key), _) => key,
                // A try that was cut off has made the backup's key already, of which another one can't be made.
                (None, Some(phrase)) if wanted.is_passphrase => {
                    SecretStorageKey::new_from_passphrase(phrase.expose_secret().trim())
                }
                (None, _) => secret_storage::key_of(key)?,
            };
            (account.make_secret_storage(of_storage).await?, true)
        }
    };
    let is_same = opened.is(key);
    let before = account.stored_backup_key(&opened).await;
    if matches!(before, Ok(Some(before)) if before.as_bytes() == key.as_bytes()) {
        return Ok((Storage::Kept, is_same));
    }
    account.store_backup_key(&opened, key).await?;
    let storage = match (made, wanted.is_passphrase && wanted.secret.is_some()) {
        (true, true) => Storage::MadeByPassphrase,
        (true, false) => Storage::Made,
        (false, _) => Storage::Extended,
    };
    Ok((storage, is_same))
}
