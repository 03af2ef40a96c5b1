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
    writer: BundleWriter,
    mut records: mpsc::Receiver<Record>,
    intake: &Watch,
) -> Result<BundleWriter> {
    let mut keeper = Keeper {
        writer,
        intake,
        units: 0,
        events: 0,
    };
    while let Some(record) = records.blocking_recv() {
        keeper.take(record)?;
    }
    Ok(keeper.writer)
}

struct Keeper<'a> {
    writer: BundleWriter,
    intake: &'a Watch,
    /// Since the last checkpoint.
    units: u32,
    /// The same.
    events: usize,
}

impl Keeper<'_> {
    fn take(&mut self, record: Record) -> Result<()> {
        let writer = &mut self.writer;
        match record {
            Record::User(user) => writer.user(&user)?,
            Record::KeyBackup(line) => writer.key_backup(&line)?,
            Record::Events(lines) => {
                self.events += lines.len();
                writer.events(&lines)?;
            }
            Record::Snapshot(snapshot) => writer.snapshot(&snapshot)?,
            Record::Room(room) => writer.room(&room)?,
            Record::Media(item, content) => {
                if let Some(problem) = media(writer, item, content)? {
                    self.intake.problem(&problem);
                    writer.problem(problem);
                }
            }
            Record::ServerKeys(server, keys) => writer.server_keys(server, keys),
            Record::Problem(problem) => writer.problem(problem),
            Record::Several(records) => {
                for record in records {
                    self.take(record)?;
                }
            }
            Record::Mark(position) => {
                self.units += 1;
                if self.units >= UNITS || self.events >= EVENTS {
                    writer.checkpoint(position, self.intake.signers())?;
                    (self.units, self.events) = (0, 0);
                }
            }
        }
        Ok(())
    }
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
