//! The thread that writes: records in, bundle out.

use std::{io::Read, path::Path};

use tokio::sync::mpsc;

use crate::{
    Result,
    bundle::BundleWriter,
    job::Problem,
    model::media::MediaRef,
    source::intake::{Record, Watch, problem},
};

/// Units of work, users and rooms, after which a checkpoint is worth its writing.
const UNITS: u32 = 100;
/// The same for timeline events.
const EVENTS: usize = 20_000;

/// Writes records until there are no more. Blocks. An error is the disk's.
pub(super) fn keep(
    mut writer: BundleWriter,
    mut records: mpsc::Receiver<Record>,
    intake: &Watch,
) -> Result<BundleWriter> {
    let (mut units, mut events) = (0, 0);
    while let Some(record) = records.blocking_recv() {
        match record {
            Record::User(user) => writer.user(&user)?,
            Record::KeyBackup(line) => writer.key_backup(&line)?,
            Record::Events(lines) => {
                events += lines.len();
                writer.events(&lines)?;
            }
            Record::Snapshot(snapshot) => writer.snapshot(&snapshot)?,
            Record::Room(room) => writer.room(&room)?,
            Record::Media(item, content) => {
                if let Some(problem) = media(&mut writer, item, content)? {
                    intake.problem(&problem);
                    writer.problem(problem);
                }
            }
            Record::ServerKeys(server, keys) => writer.server_keys(server, keys),
            Record::Problem(problem) => writer.problem(problem),
            Record::Mark(position) => {
                units += 1;
                if units >= UNITS || events >= EVENTS {
                    writer.checkpoint(position, intake.signers())?;
                    (units, events) = (0, 0);
                }
            }
        }
    }
    Ok(writer)
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
