//! One file: the command that makes the target fetch it, and the reading that proves it.

use std::time::Duration;

use tokio::sync::Semaphore;

use super::{
    Carried,
    compare::{self, Seen},
};
use crate::{
    Error, Result,
    ledger::{Outcome, Step},
    migration::context::Import,
    resident::Medium,
    target::{
        Target,
        admin_room::{
            AdminRoom, failure,
            line::{LONGEST, Line},
        },
        media::{Held, delete, fetch},
    },
};

/// How often a file is asked for whose command the target forgot, as by a restart.
const TRIES: u32 = 3;

/// The pauses before looks at the target: Tuwunel 1.4.6 answers before it has written the last of a file
/// (`src/service/media/mod.rs`).
const LOOKS_MS: [u64; 5] = [0, 20, 100, 500, 2_000];

/// Files that are looked at at the same time. Tuwunel has each whole in memory, even for a `HEAD`
/// (`src/service/media/mod.rs` of 1.4.6 and 1.9.0).
const LOOKS: u32 = 3;

/// Of files larger than this, one at a time is looked at.
const LARGE: u64 = 64 * 1024 * 1024;

/// Files that are under way: while some are looked at, as many commands wait at the target as may.
pub(super) const IN_FLIGHT: usize = 2 * LONGEST;

/// Files that are looked at beforehand, to see whether any are there of which the ledger does not know.
const SAMPLES: usize = 16;

/// What the files of an import share.
pub(super) struct Fetching<'a> {
    import: &'a Import,
    line: Line<'a>,
    /// Places in the line.
    places: Semaphore,
    looks: Semaphore,
    /// Whether each file is looked at before it is asked for.
    looks_first: bool,
}

impl<'a> Fetching<'a> {
    /// For files of which none is done. An earlier ledger may be lost: so some of those that it does not know, the first
    /// and others at even distances, show whether the target has files already. That it fetches one again changes nothing,
    /// but takes time.
    pub(super) async fn of(
        import: &'a Import,
        admin: &'a AdminRoom,
        left: &[Carried],
    ) -> Result<Self> {
        let mut unknown = Vec::new();
        for carried in left {
            let id = carried.item.media_id.as_str();
            if import.ledger.entry(Step::Media, id)?.is_none() {
                unknown.push(id);
            }
        }
        let mut looks_first = false;
        for id in unknown.iter().step_by(unknown.len() / SAMPLES + 1) {
            let held = import.target.held_media(id).await;
            looks_first |= !matches!(held, Ok(None));
        }
        Ok(Self {
            import,
            line: Line::new(admin),
            places: Semaphore::new(LONGEST),
            looks: Semaphore::new(LOOKS as usize),
            looks_first,
        })
    }

    /// The line of commands.
    pub(super) fn line(&self) -> &Line<'a> {
        &self.line
    }

    /// Brings one file over.
    pub(super) async fn one(&self, carried: Carried) -> Result<()> {
        let Import { job, ledger, .. } = self.import;
        job.turn().await?;
        let id = carried.item.media_id.as_str();
        let before = ledger.entry(Step::Media, id)?.map(|entry| entry.outcome);
        // What was wrong once is read whole.
        let proof = match before.as_deref() {
            Some("failed") => Proof::Content,
            _ => Proof::Length,
        };
        // An earlier run's answer may be lost.
        let is_right =
            (before.is_some() || self.looks_first) && self.is_right(&carried, proof).await?;
        if !is_right {
            if proof == Proof::Content {
                self.clear(id).await?;
            }
            ledger.record(Step::Media, id, &Outcome::Begun)?;
            self.fetch(&carried, proof).await?;
        }
        ledger.record(Step::Media, id, &Outcome::Done("fetched"))
    }

    /// Takes away what the target has in the place of a file. It would keep another type or name beside the right one,
    /// and may go on giving out the wrong one (`src/service/media/data.rs`).
    async fn clear(&self, id: &str) -> Result<()> {
        let target = &self.import.target;
        if target.held_media(id).await?.is_some() {
            self.run(delete(&target.server_name, id)).await?;
        }
        Ok(())
    }

    /// Runs a command as soon as there is a place in the line.
    async fn run(&self, command: String) -> Result<Option<String>> {
        let _place = place(&self.places, 1).await?;
        self.line.run(command).await
    }

    /// Lets the target fetch a file, until it has it. Its reply is no proof.
    async fn fetch(&self, carried: &Carried, proof: Proof) -> Result<()> {
        let id = carried.item.media_id.as_str();
        let medium = Medium {
            path: carried.file.path.clone(),
            bytes: carried.file.bytes,
            media_type: carried.item.media_type.clone(),
            name: carried.item.upload_name.clone(),
        };
        let resident = &self.import.resident;
        let _on_the_shelf = resident.lay_out(id, medium);
        for _ in 0..TRIES {
            let own = &self.import.target.server_name;
            let reply = self.run(fetch(own, id, &resident.identity.name)).await?;
            let fetched = reply
                .as_deref()
                .is_none_or(|reply| reply.contains(" bytes for file content"));
            let looks = if fetched { LOOKS_MS.as_slice() } else { &[0] };
            for pause in looks {
                tokio::time::sleep(Duration::from_millis(*pause)).await;
                if self.is_right(carried, proof).await? {
                    return Ok(());
                }
            }
            match reply {
                Some(reply) if !fetched => return Err(Error::Target(failure(&reply))),
                Some(_) => {
                    return Err(Error::Target(
                        "the target has fetched it, but does not give it out whole: look at its log and whether its disk is full, and import again"
                            .to_owned(),
                    ));
                }
                None => {}
            }
        }
        Err(Error::Target(
            "the target did not carry out the command to fetch it: look at its log, and import again"
                .to_owned(),
        ))
    }

    async fn is_right(&self, carried: &Carried, proof: Proof) -> Result<bool> {
        let weight = if carried.file.bytes > LARGE { LOOKS } else { 1 };
        let _look = place(&self.looks, weight).await?;
        let target = &self.import.target;
        match proof {
            Proof::Length => is_there(target, &carried.item.media_id, carried.file.bytes).await,
            Proof::Content => Ok(matches!(
                compare::one(target, carried).await?,
                Seen::Equal | Seen::Renamed(_)
            )),
        }
    }
}

/// What is taken for a proof that a file is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Proof {
    /// So many bytes. Of two contents with one address there is only one, as long as nothing has gone wrong; `verify`
    /// reads them.
    Length,
    /// Every byte, type and name.
    Content,
}

async fn place(places: &Semaphore, many: u32) -> Result<tokio::sync::SemaphorePermit<'_>> {
    // Nobody closes it.
    places.acquire_many(many).await.map_err(|_| Error::Stopped)
}

/// Whether the target has so many bytes of a file.
async fn is_there(target: &Target, id: &str, bytes: u64) -> Result<bool> {
    Ok(match target.held_media(id).await? {
        Some(Held {
            bytes: Some(held), ..
        }) => held == bytes,
        // It doesn't say how long it is.
        Some(_) => target
            .read_media(id)
            .await?
            .is_some_and(|held| held.bytes == Some(bytes)),
        None => false,
    })
}
