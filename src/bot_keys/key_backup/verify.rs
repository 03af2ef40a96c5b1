//! `bot-keys verify`: downloads the backup, decrypts it, and compares it with the store, key by key.

use matrix_sdk_crypto::store::types::BackupDecryptionKey;
use rayon::prelude::*;
use serde::Serialize;
use vodozemac::{Curve25519SecretKey, pk_encryption::PkDecryption};

use super::{
    key_files,
    server_backup::Room,
    source::Source,
    upload::{Failed, Into},
};
use crate::{
    Result,
    bot_keys::{RoomKey, account::Account},
    job::{Event, Job, Phase},
};

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// The version.
    pub version: String,
    /// Sessions in the store.
    pub in_store: u64,
    /// Sessions in the backup, as the homeserver counts them.
    pub in_backup: u64,
    /// Sessions that were decrypted and compared: all, or a sample.
    pub compared: u64,
    /// Those of the compared that the store's damage may have changed ([`RoomKey::proved`]): what the backup has of them
    /// stays and is not judged.
    pub doubtful: u64,
    /// Those that are missing, or that are not what they should be.
    pub wrong: Vec<Failed>,
}

impl Verified {
    /// Whether nothing is wrong, and, where only a sample was compared, no fewer sessions are there than there should be.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.wrong.is_empty() && self.in_backup >= self.in_store
    }
}

/// Compares all sessions or, of a huge store, about `sample` of them, spread over all rooms.
pub async fn verify(
    account: &Account,
    version: &str,
    key: &BackupDecryptionKey,
    source: &impl Source,
    sample: Option<u64>,
    job: &Job,
) -> Result<Verified> {
    let into = Into {
        version: version.to_owned(),
        public_key: key_files::public(key),
    };
    into.check(account).await?;
    let rooms = source.rooms()?;
    let in_store: u64 = rooms.iter().map(|(_, keys)| keys).sum();
    let phase = Phase::BotKeysVerify;
    job.emit(Event::Phase {
        phase,
        total: in_store,
    });
    let every = sample.map_or(1, |sample| in_store.div_ceil(sample.max(1)).max(1));
    let mut found = Verified {
        version: into.version,
        in_store,
        ..Verified::default()
    };
    let mut seen = 0_u64;
    for (room, count) in rooms {
        let first = seen;
        seen += count;
        let is_in = |place: u64| (first + place).is_multiple_of(every);
        if !(0..count).any(is_in) {
            continue;
        }
        job.turn().await?;
        let keys: Vec<RoomKey> = source
            .of_room(&room)?
            .into_iter()
            .zip(0..)
            .filter(|(_, place)| is_in(*place))
            .map(|(key, _)| key)
            .collect();
        let there = account.backup_of(version, &room).await?;
        found.compared += keys.len() as u64;
        let doubtful = keys.iter().filter(|key| !key.proved);
        found.doubtful += doubtful.count() as u64;
        found.wrong.extend(compared(&keys, &there, key));
        job.emit(Event::Done { phase, done: seen });
    }
    let now = account.backup().await?;
    found.in_backup = now.map_or(0, |now| now.count);
    Ok(found)
}

/// On all cores.
fn compared(keys: &[RoomKey], there: &Room, private: &BackupDecryptionKey) -> Vec<Failed> {
    let opener = || PkDecryption::from_key(Curve25519SecretKey::from_slice(private.as_bytes()));
    tokio::task::block_in_place(|| {
        keys.par_iter()
            .map_init(opener, |private, key| {
                let reason = match there.get(&key.session_id) {
                    Some(_) if !key.proved => return None,
                    Some(sealed) => sealed.differs(private, key)?,
                    None => "it is missing",
                };
                Some(Failed {
                    room: key.room_id.clone(),
                    session: key.session_id.clone(),
                    reason: reason.to_owned(),
                })
            })
            .flatten()
            .collect()
    })
}
