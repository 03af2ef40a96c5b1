//! The export: everything that the Admin API gives, into one bundle. Unreadable rooms and users are listed, not fatal.

mod alone;
mod closure;
mod keys;
mod order;
mod repair;
mod room;
mod room_facts;
mod room_list;
mod state;
mod timeline;
mod users;
mod writing;

#[cfg(test)]
mod tests;

use std::{path::Path, sync::atomic::AtomicU64};

use futures::StreamExt;
use ruma::ServerName;

use super::{admin_api::Client, summary::ExportSummary};
use crate::{
    Error, Result,
    bundle::{Origin, SourceKind},
    clock::Clock,
    job::{Event, Job, Phase, Problem},
};
use writing::Writing;

/// Rooms that are read at the same time, and so the number of rooms in memory.
const ROOMS_IN_FLIGHT: usize = 4;

/// Reads the server behind `client` into a new bundle at `out`.
///
/// Fails when Synapse can't be reached or refuses the token, when its users belong to another server than
/// `server_name`, when the disk can't be written, or when the job is stopped; nothing is left at `out` then.
pub async fn run(
    client: &Client,
    server_name: &ServerName,
    out: &Path,
    job: &Job,
    clock: &dyn Clock,
) -> Result<ExportSummary> {
    let started = clock.now_ms();
    let synapse_version = client.server_version().await?;
    let admin = client.whoami().await?;
    if admin.server_name() != server_name {
        return Err(Error::Config(format!(
            "server_name is {server_name}, but the Synapse at {} is {}: correct server_name or synapse.url",
            client.url(),
            admin.server_name()
        )));
    }
    // Before anything is written: this is also where a token that is no admin's is refused.
    let listed = client.users().await?;
    let mut writing = Writing::create(
        out,
        Origin {
            source: SourceKind::AdminApi,
            synapse_version,
            server_name: server_name.to_owned(),
            exported_ts: started,
        },
        job,
    )
    .await?;

    let names = users::export(client, listed, job, &mut writing).await?;
    let events = AtomicU64::new(0);
    let list = room_list::read(client, server_name, &names, job, &mut writing).await?;
    job.emit(Event::Phase {
        phase: Phase::ExportRooms,
        total: list.len() as u64,
    });
    let mut signers = std::collections::BTreeSet::new();
    let mut timeline_events = 0;
    let mut rooms = futures::stream::iter(list)
        .map(|listed| room::read(client, listed, job, &events))
        .buffered(ROOMS_IN_FLIGHT)
        .zip(futures::stream::iter(1..));
    while let Some((read, done)) = rooms.next().await {
        let read = read?;
        job.check()?;
        signers.extend(read.signers);
        timeline_events += read.record.room.event_count;
        writing.problems(read.problems);
        writing.room(read.record).await?;
        job.emit(Event::Done {
            phase: Phase::ExportRooms,
            done,
        });
    }
    keys::export(client, server_name, signers, job, &mut writing).await?;
    job.check()?;
    let (users, rooms) = (writing.users(), writing.rooms());
    let (finished, problems) = writing.finish().await?;
    Ok(ExportSummary {
        bundle: finished.path,
        bytes: finished.bytes,
        users,
        rooms,
        events: timeline_events,
        requests: client.requests(),
        elapsed_ms: clock.now_ms().saturating_sub(started),
        problems,
    })
}

/// A problem of this export.
fn problem(
    step: &str,
    subject: &(impl ToString + ?Sized),
    reason: &(impl ToString + ?Sized),
) -> Problem {
    Problem {
        step: step.to_owned(),
        subject: subject.to_string(),
        reason: reason.to_string(),
    }
}
