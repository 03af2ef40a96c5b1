//! `bot-keys all`: the whole way of one bot's keys.

use std::{collections::BTreeMap, sync::Mutex};

use ruma::OwnedUserId;
use serde::Serialize;

use super::{Errand, Found};
use crate::{
    Result,
    bot_keys::key_backup::{enable::Enabled, upload::Uploaded, verify::Verified},
    clock::Clock,
    job::Job,
};

/// A part of the way, for its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// The store was read.
    Extract,
    /// The backup was found or made.
    Enable,
    /// Encrypted and uploaded.
    Upload,
    /// Downloaded, decrypted and compared.
    Verify,
}

/// What came of it.
#[derive(Debug, Serialize)]
pub struct All {
    /// The bot.
    pub user: OwnedUserId,
    /// What its store has.
    pub found: Found,
    /// Its backup.
    pub enabled: Enabled,
    /// What was sent.
    pub uploaded: Uploaded,
    /// What is there now.
    pub verified: Verified,
    /// How long each stage took, in milliseconds.
    pub took_ms: BTreeMap<Stage, u64>,
}

impl All {
    /// Whether each session that could be read is in the backup, the store was read as it stands, and clients find the key.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.enabled.is_findable()
            && self.found.is_whole()
            && self.uploaded.failed.is_empty()
            && self.verified.is_complete()
    }
}

impl Errand {
    /// Reads the keys, finds or makes the backup, uploads and compares. Again, it goes on where it was.
    pub async fn all(&self, job: &Job, clock: &dyn Clock) -> Result<All> {
        let mut took_ms = BTreeMap::new();
        let mut last = clock.now_ms();
        let mut over = |stage| {
            let now = clock.now_ms();
            took_ms.insert(stage, now.saturating_sub(last));
            last = now;
        };
        // Whoever has no account there need not wait for the store.
        let account = self.account().await?;
        let (keys, found) = tokio::task::block_in_place(|| self.keys(job))?;
        let signers = keys.signers().clone();
        self.check_owner(keys.owners(), &account.user)?;
        let keys = Mutex::new(keys);
        over(Stage::Extract);
        job.turn().await?;
        let enabled = self.enable(&account, signers, clock.now_ms()).await?;
        over(Stage::Enable);
        let uploaded = self.upload(&account, &keys, job).await?;
        over(Stage::Upload);
        let verified = self.verify(&account, &keys, job, clock.now_ms()).await?;
        over(Stage::Verify);
        Ok(All {
            user: account.user,
            found,
            enabled,
            uploaded,
            verified,
            took_ms,
        })
    }
}
