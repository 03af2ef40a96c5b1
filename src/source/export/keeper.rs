//! The thread that writes: records in, bundle out.

use std::{io::Read, path::Path};

use tokio::sync::mpsc;

use crate::{
    Result,
    bundle::BundleWriter,
    job::{Event, Job, Problem},
    model::media::MediaRef,
    source::intake::{Record, problem},
};

/// What came of all records.
pub(super) struct Kept {
    /// The bundle, still open.
    pub(super) writer: BundleWriter,
    /// What could not be read.
    pub(super) problems: Vec<Problem>,
    /// Timeline events.
    pub(super) events: u64,
}

/// Writes records until there are no more. Blocks. An error is the disk's.
pub(super) fn keep(
    mut writer: BundleWriter,
    mut records: mpsc::Receiver<Record>,
    job: &Job,
) -> Result<Kept> {
    let (mut problems, mut events) = (Vec::new(), 0);
    while let Some(record) = records.blocking_recv() {
        match record {
            Record::User(user) => writer.user(&user)?,
            Record::KeyBackup(line) => writer.key_backup(&line)?,
            Record::Events(lines) => writer.events(&lines)?,
            Record::Snapshot(snapshot) => writer.snapshot(&snapshot)?,
            Record::Room(room) => {
                events += room.room.event_count;
                writer.room(&room)?;
            }
            Record::Media(item, content) => {
                if let Some(problem) = media(&mut writer, item, content)? {
                    job.emit(Event::Problem(problem.clone()));
                    problems.push(problem);
                }
            }
            Record::ServerKeys(server, keys) => writer.server_keys(server, keys),
            Record::Problem(problem) => problems.push(problem),
        }
    }
    Ok(Kept {
        writer,
        problems,
        events,
    })
}

fn media(
    writer: &mut BundleWriter,
    item: MediaRef,
    content: Option<Box<dyn Read + Send>>,
) -> Result<Option<Problem>> {
    let id = item.media_id.clone();
    let copied = match content {
        Some(mut content) => writer.media(item, Some(&mut content))?,
        None => writer.media(item, None)?,
    };
    Ok(copied
        .err()
        .map(|error| problem("media content", &id, &error)))
}

/// The bundle's writer on a thread that may block.
pub(super) async fn blocking<T: Send + 'static>(
    out: &Path,
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| crate::Error::file(out)(std::io::Error::other(error)))?
}
