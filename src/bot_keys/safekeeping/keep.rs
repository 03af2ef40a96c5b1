//! `bot-keys backup`: copies, lists checksums, and reads the copy once more.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    BESIDE, METADATA, STORE,
    checksums::{self, Checksums},
    tree,
};
use crate::{
    Error, Result,
    bot_keys::in_use,
    bundle::work::Work,
    report::text::time,
    secret::{private_dir, write_private},
};

/// What the name of a half copy's folder begins with.
const PARTIAL: &str = "partial-migration-backup-";

/// The folder of the crypto store in a bot's storage, unless another is named.
pub const USUAL_STORE: &str = "encrypted";

/// What is put aside.
#[derive(Debug, Clone)]
pub struct Storage {
    /// The bot's folder.
    pub folder: PathBuf,
    /// Its crypto store: `encrypted` in that folder, as a rule.
    pub store: PathBuf,
}

/// `backup-metadata.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metadata {
    /// When it was made: `2026-08-01 14:05:00 UTC`.
    pub made: String,
    /// The bot's folder.
    pub storage: PathBuf,
    /// Its crypto store.
    pub crypto_store: PathBuf,
    /// The bot's device, if `bot-sdk.json` names it.
    pub device_id: Option<String>,
    /// Files put aside.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Whether the bot seemed to run meanwhile, so that the copy may not hang together.
    pub in_use: bool,
}

/// A copy that was made and read once more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Its folder.
    pub folder: PathBuf,
    /// What is in it.
    pub metadata: Metadata,
}

/// Puts a bot's storage aside below `into`. If the bot seems to run, only with `force`.
pub fn keep(storage: &Storage, into: &Path, force: bool, now_ms: u64) -> Result<Kept> {
    let Storage { folder, store } = storage;
    if !store.is_dir() {
        return Err(Error::Usage(format!(
            "{} is no folder: name the bot's crypto store",
            store.display()
        )));
    }
    let stored = tree::files(store)?;
    if stored.is_empty() {
        return Err(Error::Usage(format!(
            "{} is empty: name the folder in which the bot's crypto store is",
            store.display()
        )));
    }
    let used = in_use::by(store)?;
    if let (Some(file), false) = (&used, force) {
        return Err(runs(store, file));
    }
    let kept = into.join(format!("migration-backup-{}", stamp(now_ms)));
    if kept.exists() {
        return Err(Error::Usage(format!(
            "{} is there already: wait for a second",
            kept.display()
        )));
    }
    // A half copy is as secret as a whole one: that of a run that was killed goes now.
    let work = Work::new(into, PARTIAL)?;
    let partial = work.path().join("copy");
    private_dir(&partial).map_err(Error::file(&partial))?;
    let mut sums = Checksums::new();
    let (mut files, mut bytes) = (0, 0);
    let inner = stored
        .iter()
        .map(|file| (store.join(file), Path::new(STORE).join(file)));
    let beside = BESIDE.map(|name| (folder.join(name), PathBuf::from(name)));
    let beside = beside.into_iter().filter(|(path, _)| path.is_file());
    for (from, to) in inner.chain(beside) {
        let (length, sum) = tree::copy(&from, &partial.join(&to))?;
        files += 1;
        bytes += length;
        sums.insert(to, sum);
    }
    let metadata = Metadata {
        made: time(now_ms),
        storage: folder.clone(),
        crypto_store: store.clone(),
        device_id: device(storage),
        files,
        bytes,
        in_use: used.is_some(),
    };
    let path = partial.join(METADATA);
    let text =
        serde_json::to_vec_pretty(&metadata).map_err(|error| Error::file(&path)(error.into()))?;
    write_private(&path, &text).map_err(Error::file(&path))?;
    sums.insert(METADATA.into(), tree::sum(&path)?.1);
    checksums::write(&partial, &sums)?;
    let faults = checksums::faults(&partial, &sums)?;
    if let Some(fault) = faults.first() {
        return Err(Error::BotStore {
            path: store.clone(),
            reason: format!("its copy is not good ({fault}): look at the disk, and try again"),
        });
    }
    fs::rename(&partial, &kept).map_err(Error::file(&kept))?;
    tracing::info!("{files} files of the bot are in {}", kept.display());
    Ok(Kept {
        folder: kept,
        metadata,
    })
}

/// The bot's program has this file open.
pub(super) fn runs(store: &Path, file: &Path) -> Error {
    let name = file.strip_prefix(store).unwrap_or(file);
    Error::BotStore {
        path: store.to_owned(),
        reason: format!(
            "the bot seems to run, for it has {} open: stop it, or go on with --force if you know that it does not",
            name.display()
        ),
    }
}

/// `20260801-140500`.
fn stamp(ms: u64) -> String {
    let digits = |text: String| {
        text.chars()
            .filter(char::is_ascii_digit)
            .collect::<String>()
    };
    let all = digits(time(ms));
    let (day, clock) = all.split_at(8.min(all.len()));
    format!("{day}-{clock}")
}

/// The device that `bot-sdk.json` names: matrix-bot-sdk writes it into the folder of the crypto store
/// (`RustSdkCryptoStorageProvider`), some bots have it in their own.
#[must_use]
pub fn device(storage: &Storage) -> Option<String> {
    [&storage.store, &storage.folder]
        .into_iter()
        .find_map(|folder| {
            let text = fs::read_to_string(folder.join(BESIDE[0])).ok()?;
            let kept: Value = serde_json::from_str(&text).ok()?;
            kept.get("deviceId")?.as_str().map(str::to_owned)
        })
}
