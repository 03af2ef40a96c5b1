//! Local media, each file under its own `mxc://`: the target is told to fetch it from the resident.

pub mod compare;
pub mod planner;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use super::context::{Each, Import};
use crate::{
    Error, Result,
    bundle::{Bundle, MediaFile},
    job::{Event, Phase},
    ledger::{Outcome, Step},
    model::media::MediaRef,
    resident::Medium,
    target::{
        Target,
        admin_room::{
            failure,
            line::{LONGEST, Line},
        },
        media::{Held, fetch},
    },
};
use planner::Terms;

/// How often a file is asked for whose command the target forgot, as by a restart.
const TRIES: u32 = 3;

/// The pauses before looks at the target: Tuwunel 1.4.6 answers before it has written the last of a file
/// (`src/service/media/mod.rs`).
const LOOKS_MS: [u64; 5] = [0, 20, 100, 500, 2_000];

/// A file that is carried over.
struct Carried {
    item: MediaRef,
    file: MediaFile,
}

/// The bundle's files that are carried over, and their bytes.
fn carried(bundle: &Bundle, terms: &Terms) -> Result<Vec<Carried>> {
    let mut carried = Vec::new();
    for item in bundle.media()? {
        if let Some(file) = bundle.media_file(&item.media_id)?
            && terms.left(&item, Some(file.bytes)).is_none()
        {
            carried.push(Carried { item, file });
        }
    }
    Ok(carried)
}

/// Brings over every file of the plan.
pub async fn run(import: &Import) -> Result<()> {
    let Some(admin) = &import.admin else {
        return Ok(());
    };
    let terms = Terms::of(
        &import.bundle,
        &import.plan.target,
        import.plan.media.wish,
        None,
    );
    let files = tokio::task::block_in_place(|| carried(&import.bundle, &terms))?;
    // What earlier runs did says nothing about the speed of this one.
    let mut left = Vec::new();
    for carried in files {
        if !import.ledger.is_done(Step::Media, &carried.item.media_id)? {
            left.push(carried);
        }
    }
    if left.is_empty() {
        return Ok(());
    }
    let each = Each {
        phase: Phase::Media,
        name: "media",
        step: Step::Media,
        total: left.len(),
        events: None,
        in_flight: LONGEST,
    };
    let line = Line::new(admin);
    let bytes = Arc::new(AtomicU64::new(0));
    let all = left.iter().map(|carried| carried.file.bytes).sum();
    let (line_of_one, bytes_of_one) = (&line, &bytes);
    let work = left.into_iter().map(|carried| {
        let subject = carried.item.media_id.clone();
        (subject, async move {
            let length = carried.file.bytes;
            one(import, line_of_one, carried).await?;
            let done = bytes_of_one.fetch_add(length, Ordering::Relaxed) + length;
            import.job.emit(Event::Bytes { done, total: all });
            Ok(())
        })
    });
    tokio::select! {
        biased;
        done = import.each(each, work) => done,
        failed = line.look() => failed.map(|never| match never {}),
    }
}

async fn one(import: &Import, line: &Line<'_>, carried: Carried) -> Result<()> {
    import.job.turn().await?;
    let id = carried.item.media_id.as_str();
    let bytes = carried.file.bytes;
    // An earlier run's answer may be lost, or its whole ledger.
    if !is_there(&import.target, id, bytes).await? {
        import.ledger.record(Step::Media, id, &Outcome::Begun)?;
        let medium = Medium {
            path: carried.file.path,
            bytes,
            media_type: carried.item.media_type.clone(),
            name: carried.item.upload_name.clone(),
        };
        let _on_the_shelf = import.resident.lay_out(id, medium);
        fetched(import, line, id, bytes).await?;
    }
    import
        .ledger
        .record(Step::Media, id, &Outcome::Done("fetched"))
}

/// Lets the target fetch a file, until it has it. Its reply is no proof.
async fn fetched(import: &Import, line: &Line<'_>, id: &str, bytes: u64) -> Result<()> {
    let resident = &import.resident.identity.name;
    for _ in 0..TRIES {
        let command = fetch(&import.target.server_name, id, resident);
        let reply = line.run(command).await?;
        let fetched = reply
            .as_deref()
            .is_none_or(|reply| reply.contains(" bytes for file content"));
        let looks = if fetched { LOOKS_MS.as_slice() } else { &[0] };
        for pause in looks {
            tokio::time::sleep(Duration::from_millis(*pause)).await;
            if is_there(&import.target, id, bytes).await? {
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

/// Whether the target has so many bytes of a file. Of two contents with one address there is only one; `verify` reads
/// them.
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
