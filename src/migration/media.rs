//! Local media, each file under its own `mxc://`: the target is told to fetch it from the resident.

pub mod compare;
mod fetching;
pub mod planner;

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use super::context::{Each, Import};
use crate::{
    Result,
    bundle::{Bundle, MediaFile},
    job::{Event, Phase},
    ledger::Step,
    model::media::MediaRef,
};
use fetching::{Fetching, IN_FLIGHT};
use planner::Terms;

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
        let id = &carried.item.media_id;
        if import.is_about(|things| things.media.contains(id))
            && !import.ledger.is_done(Step::Media, id)?
        {
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
        in_flight: IN_FLIGHT,
    };
    let fetching = Fetching::of(import, admin, &left).await?;
    let bytes = Arc::new(AtomicU64::new(0));
    let all = left.iter().map(|carried| carried.file.bytes).sum();
    let (fetching_one, bytes_of_one) = (&fetching, &bytes);
    let work = left.into_iter().map(|carried| {
        let subject = carried.item.media_id.clone();
        (subject, async move {
            let length = carried.file.bytes;
            fetching_one.one(carried).await?;
            let done = bytes_of_one.fetch_add(length, Ordering::Relaxed) + length;
            import.job.emit(Event::Bytes { done, total: all });
            Ok(())
        })
    });
    tokio::select! {
        biased;
        done = import.each(each, work) => done,
        failed = fetching.line().look() => failed.map(|never| match never {}),
    }
}
