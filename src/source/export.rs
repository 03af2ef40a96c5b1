//! The export: everything that a reader gives, into one bundle. Unreadable rooms and users are listed, not fatal.

mod keeper;
mod sections;

#[cfg(test)]
mod tests;

use std::{collections::BTreeSet, path::Path};

use ruma::{OwnedServerName, ServerName};

use super::{intake::Intake, reader::Reader, summary::ExportSummary};
use crate::{
    Error, Result,
    bundle::{BundleWriter, Origin, Page, Position, SourceKind},
    clock::Clock,
    job::{Event, Job, Phase},
    model::wanted::Wanted,
};
use keeper::{blocking, keep};

/// Reads a Synapse into a new bundle at `out`.
///
/// Fails when Synapse can't be reached or refuses the token before a first user was read, when it is another server
/// than `server_name`, when the disk can't be written, or when the job is stopped; nothing is at `out` then. A stopped
/// export that asks the API leaves what it has beside `out`, and the next one of the same goes on with it. What was read
/// until Synapse broke off is a bundle that says so ([`Schema::complete`](crate::bundle::Schema)).
pub async fn run<R: Reader>(
    mut reader: R,
    server_name: &ServerName,
    wanted: Wanted,
    out: &Path,
    page: Box<Page>,
    job: &Job,
    clock: &dyn Clock,
) -> Result<ExportSummary> {
    let started = clock.now_ms();
    let inventory = wanted.inventory;
    let about = reader.about().await?;
    if about.server_name != server_name {
        return Err(Error::Config(format!(
            "server_name is {server_name}, but the Synapse that is to be read is {}: correct one of them",
            about.server_name
        )));
    }
    let origin = Origin {
        source: about.source,
        synapse_version: about.synapse_version,
        server_name: server_name.to_owned(),
        exported_ts: started,
        stream_position: about.stream_position,
        wanted: wanted.clone(),
    };
    let path = out.to_owned();
    let (writer, resumed) = blocking(out, move || begin(&path, origin)).await?;
    let (position, signers) = resumed.unzip();
    let (intake, records) = Intake::new(job.clone(), wanted, server_name, started, position)?;
    intake.signed_by(signers.unwrap_or_default());
    let watch = intake.watch();
    let kept = blocking(out, move || keep(writer, records, &watch));
    let read = async {
        let read = sections::read(&mut reader, &intake).await;
        // Without a reader's end, the writer knows that this was all.
        drop(intake);
        read
    };
    let (read, kept) = tokio::join!(read, kept);
    // A writer that failed stops the reader: its own reason is the one to tell.
    let mut writer = kept?;
    let ending = read?;
    job.turn().await?;
    let complete = ending.failure.is_none();
    if let Some(error) = ending.failure {
        if writer.users_written() == 0 {
            return Err(error);
        }
        writer.broken_off()?;
    }
    for problem in ending.unread {
        job.emit(Event::Problem(problem.clone()));
        writer.problem(problem);
    }
    let problems = writer.problems().to_vec();
    for unseen in about.unseen.iter().chain(&about.warnings) {
        writer.problem(unseen.clone());
    }
    let (users, rooms) = (writer.users_written(), writer.rooms_written());
    let events = writer.events_written();
    let packing = job.clone();
    let finished = blocking(out, move || {
        let mut begun = false;
        writer.finish(&*page, &mut |done, total| {
            let phase = Phase::ExportPack;
            if !std::mem::replace(&mut begun, true) {
                packing.emit(Event::Phase { phase, total });
            }
            packing.emit(Event::Done { phase, done });
        })
    })
    .await?;
    Ok(ExportSummary {
        bundle: finished.path,
        bytes: finished.bytes,
        source: about.source,
        users,
        rooms,
        events,
        requests: reader.requests(),
        elapsed_ms: clock.now_ms().saturating_sub(started),
        unseen: about.unseen,
        warnings: about.warnings,
        inventory,
        complete,
        problems,
    })
}

/// Where an interrupted export stood, and the servers whose keys it needs.
type Resumed = (Position, BTreeSet<OwnedServerName>);

/// A writer that goes on with what an interrupted export of the same left, or a new one.
fn begin(out: &Path, origin: Origin) -> Result<(BundleWriter, Option<Resumed>)> {
    // The database is read in one snapshot, which is gone with the export that took it.
    if origin.source == SourceKind::AdminApi
        && let Some((writer, position, signers)) = BundleWriter::resume(out, &origin)?
    {
        return Ok((writer, Some((position, signers))));
    }
    Ok((BundleWriter::create(out, origin)?, None))
}
