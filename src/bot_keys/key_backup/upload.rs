//! `bot-keys upload`: into the version that is ours, and nothing worse over what is there.

use rayon::prelude::*;
use ruma::{OwnedRoomId, RoomId};
use serde::Serialize;
use vodozemac::Curve25519PublicKey;

use super::{
    sealing::Sealed,
    server_backup::{Batch, Room},
    source::Source,
};
use crate::{
    Error, Result,
    bot_keys::{RoomKey, account::Account},
    job::{Event, Job, Phase},
};

/// Sessions of one request at first: about 4 MB. A homeserver, or what stands before it, that takes less says so.
const MOST: usize = 5_000;

/// A session that could not be put into the backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failed {
    /// Its room.
    pub room: OwnedRoomId,
    /// Its ID.
    pub session: String,
    /// In one clause.
    pub reason: String,
}

/// What became of all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Uploaded {
    /// Sessions that were to be there.
    pub keys: u64,
    /// Those that were sent.
    pub sent: u64,
    /// Those of which the backup had as good a one.
    pub there: u64,
    /// Those that are not there.
    pub failed: Vec<Failed>,
}

/// Into which version, for whose key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Into {
    /// What the homeserver calls it.
    pub version: String,
    /// The public key that it must have, in unpadded Base64.
    pub public_key: String,
}

impl Into {
    /// An error unless the homeserver's newest version is this one, with this key: another one's key gets nothing.
    pub async fn check(&self, account: &Account) -> Result<()> {
        let Some(now) = account.backup().await? else {
            return Err(Error::Usage(format!(
                "the bot has no backup on the server any more, where version {} was: run `bot-keys enable` again",
                self.version
            )));
        };
        if now.version != self.version {
            return Err(Error::Usage(format!(
                "the bot's newest backup is version {} now, and not {}: somebody has begun another; run `bot-keys enable` again",
                now.version, self.version
            )));
        }
        if now.public_key() != Some(&*self.public_key) {
            return Err(Error::Usage(format!(
                "version {} of the bot's backup has another public key than the one in its key file: nothing was sent, for whoever has that key could read it; run `bot-keys enable --new-version`",
                self.version
            )));
        }
        Ok(())
    }
}

/// Uploads what the backup lacks, room by room: between two the job may wait or end, and the next try goes on there.
pub async fn upload(
    account: &Account,
    into: &Into,
    source: &impl Source,
    job: &Job,
) -> Result<Uploaded> {
    into.check(account).await?;
    let public = Curve25519PublicKey::from_base64(&into.public_key).map_err(|error| {
        Error::Usage(format!(
            "the public key of the backup can't be read ({error}): run `bot-keys enable` again"
        ))
    })?;
    let rooms = source.rooms()?;
    let phase = Phase::BotKeysUpload;
    let total = rooms.iter().map(|(_, keys)| keys).sum();
    job.emit(Event::Phase { phase, total });
    let mut sending = Sending {
        account,
        into,
        most: MOST,
        waiting: Vec::new(),
        done: Uploaded::default(),
    };
    for (room, _) in rooms {
        job.turn().await?;
        let there = account.backup_of(&into.version, &room).await?;
        let keys = source.of_room(&room)?;
        sending.done.keys += keys.len() as u64;
        let all = keys.len() as u64;
        let new: Vec<_> = keys
            .into_iter()
            .filter(|key| {
                there
                    .get(&key.session_id)
                    .is_none_or(|it| is_worse(it, key))
            })
            .collect();
        sending.done.there += all - new.len() as u64;
        for part in new.chunks(MOST) {
            for (key, sealed) in sealed(public, part)? {
                sending.add(&room, key, sealed).await?;
            }
        }
        let done = sending.done.keys;
        job.emit(Event::Done { phase, done });
    }
    sending.send_all().await?;
    Ok(sending.done)
}

/// Whether what is there is worse than what the store has, as [`Sealed::is_better_than`] says.
fn is_worse(there: &Sealed, key: &RoomKey) -> bool {
    // It may not be what the bot once had.
    if !key.proved {
        return false;
    }
    let ours = Sealed {
        first_message_index: key.first_known_index,
        forwarded_count: key.forwarding_curve25519_key_chain.len() as u64,
        is_verified: false,
        session_data: there.session_data.clone(),
    };
    ours.is_better_than(there)
}

/// On all cores.
fn sealed(public: Curve25519PublicKey, keys: &[RoomKey]) -> Result<Vec<(String, Sealed)>> {
    tokio::task::block_in_place(|| {
        keys.par_iter()
            .map(|key| Ok((key.session_id.clone(), Sealed::seal(public, key)?)))
            .collect()
    })
}

type Session = (OwnedRoomId, String, Sealed);

struct Sending<'a> {
    account: &'a Account,
    into: &'a Into,
    /// Sessions of one request.
    most: usize,
    waiting: Vec<Session>,
    done: Uploaded,
}

impl Sending<'_> {
    async fn add(&mut self, room: &RoomId, session: String, sealed: Sealed) -> Result<()> {
        self.waiting.push((room.to_owned(), session, sealed));
        if self.waiting.len() >= self.most {
            self.send_all().await?;
        }
        Ok(())
    }

    /// Sends what waits. A request that is refused is sent in halves, so that one session keeps no other out.
    async fn send_all(&mut self) -> Result<()> {
        let mut parts = vec![std::mem::take(&mut self.waiting)];
        while let Some(mut part) = parts.pop() {
            if part.is_empty() {
                continue;
            }
            if part.len() > self.most {
                let rest = part.split_off(self.most);
                parts.push(rest);
            }
            let sent = self
                .account
                .put_backup(&self.into.version, &batch(&part))
                .await;
            let error = match sent {
                Ok(()) => {
                    self.done.sent += part.len() as u64;
                    continue;
                }
                Err(error @ Error::Answer { .. }) => error,
                Err(error) => return Err(error),
            };
            // Somebody may have begun another version meanwhile.
            self.into.check(self.account).await?;
            if part.len() > 1 && is_refusal(&error) {
                let half = part.len().div_ceil(2);
                if is_too_large(&error) {
                    self.most = half;
                }
                let rest = part.split_off(half);
                parts.push(rest);
                parts.push(part);
                continue;
            }
            let reason = error.to_string();
            let failed = part.into_iter().map(|(room, session, _)| Failed {
                room,
                session,
                reason: reason.clone(),
            });
            self.done.failed.extend(failed);
        }
        Ok(())
    }
}

fn batch(part: &[Session]) -> Batch {
    let mut batch = Batch::new();
    for (room, session, sealed) in part {
        let room: &mut Room = batch.entry(room.to_string()).or_default();
        room.insert(session.clone(), sealed.clone());
    }
    batch
}

/// Whether it is about what was sent, and not about the server.
fn is_refusal(error: &Error) -> bool {
    matches!(error, Error::Answer { status: 400..=428 | 430..=499, .. })
}

fn is_too_large(error: &Error) -> bool {
    matches!(error, Error::Answer { status: 413, .. })
}
