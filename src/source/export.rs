//! The export: everything that a reader gives, into one bundle. Unreadable rooms and users are listed, not fatal.

mod keeper;
mod sections;

#[cfg(test)]
mod tests;

use std::path::Path;

use ruma::ServerName;

use super::{intake::Intake, reader::Reader, summary::ExportSummary};
use crate::{
    Error, Result,
    bundle::{BundleWriter, Origin},
    clock::Clock,
    job::{Event, Job, Phase},
    model::wanted::Wanted,
};
use keeper::{Kept, blocking, keep};

/// Reads a Synapse into a new bundle at `out`.
///
/// Fails when Synapse can't be reached or refuses the token before a first record was read, when it is another server
/// than `server_name`, when the disk can't be written, or when the job is stopped; nothing is left at `out` then. What
/// was read until Synapse broke off later is a bundle that says so ([`Schema::complete`](crate::bundle::Schema)).
pub async fn run<R: Reader>(
    mut reader: R,
    server_name: &ServerName,
    wanted: Wanted,
    out: &Path,
    job: &Job,
    clock: &dyn Clock,
) -> Result<ExportSummary> {
    let started = clock.now_ms();
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
    let (intake, records) = Intake::new(job.clone(), wanted, server_name, started)?;
    let path = out.to_owned();
    let mut writer = blocking(out, move || BundleWriter::create(&path, origin)).await?;
    for unseen in about.unseen.iter().chain(&about.warnings) {
        writer.problem(unseen.clone());
    }
    let keeping = job.clone();
    let kept = blocking(out, move || keep(writer, records, &keeping));
    let read = async {
        let read = sections::read(&mut reader, &intake).await;
        // Without a reader's end, the writer knows that this was all.
        drop(intake);
        read
    };
    let (read, kept) = tokio::join!(read, kept);
    // A writer that failed stops the reader: its own reason is the one to tell.
    let Kept {
        mut writer,
        mut problems,
        events,
    } = kept?;
    let ending = read?;
    job.check()?;
    let complete = ending.failure.is_none();
    if let Some(error) = ending.failure {
        if writer.users_written() == 0 {
            return Err(error);
        }
        writer.broken_off()?;
    }
    for problem in ending.unread {
        job.emit(Event::Problem(problem.clone()));
        problems.push(problem);
    }
    for problem in &problems {
        writer.problem(problem.clone());
    }
    let (users, rooms) = (writer.users_written(), writer.rooms_written());
    let packing = job.clone();
    let finished = blocking(out, move || {
        let mut begun = false;
        writer.finish(&mut |done, total| {
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
        complete,
        problems,
    })
}
