//! `events/<shard>.ndjson.zst`, written: every room one zstd frame, so that each can be read alone.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Write},
    path::{Path, PathBuf},
};

use ruma::{OwnedRoomId, RoomVersionId};
use serde::{Deserialize, Serialize};

use super::{file_names::EVENT_INDEX, fresh, json_stream::json};
use crate::{Error, Result, model::event_line::EventLine};

/// Compressed bytes after which the next room begins a new shard.
const SHARD_BYTES: u64 = 256 * 1024 * 1024;
/// zstd's own default.
const LEVEL: i32 = 3;

/// `events/index.json`: where each room's events are.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct EventIndex {
    /// Room → its frame. A room without events has none.
    pub(super) rooms: BTreeMap<OwnedRoomId, Frame>,
}

/// One room's events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Frame {
    /// The file, relative to the bundle.
    pub(super) shard: String,
    /// First byte of the frame in the shard.
    pub(super) offset: u64,
    /// Bytes of the frame, compressed.
    pub(super) length: u64,
    /// Events, outliers included.
    pub(super) lines: u64,
    /// Room version, if known.
    pub(super) version: Option<RoomVersionId>,
}

/// Writes rooms one after the other.
pub(super) struct ShardWriter {
    dir: PathBuf,
    index: EventIndex,
    open: Option<Shard>,
    count: u32,
}

struct Shard {
    name: String,
    path: PathBuf,
    file: File,
    bytes: u64,
}

impl ShardWriter {
    /// A writer into the bundle directory `dir`.
    pub(super) fn new(dir: &Path) -> Result<Self> {
        fresh::dirs(&dir.join("events"))?;
        Ok(Self {
            dir: dir.to_owned(),
            index: EventIndex::default(),
            open: None,
            count: 0,
        })
    }

    /// Adds all events of one room.
    pub(super) fn room(
        &mut self,
        room_id: &OwnedRoomId,
        version: Option<&RoomVersionId>,
        events: &[EventLine],
    ) -> Result<()> {
        if events.is_empty() {
            return Ok(());
        }
        let mut shard = self.shard()?;
        let fault = Error::file(&shard.path);
        let length = frame(&mut shard.file, events).map_err(fault)?;
        self.index.rooms.insert(
            room_id.clone(),
            Frame {
                shard: shard.name.clone(),
                offset: shard.bytes,
                length,
                lines: events.len() as u64,
                version: version.cloned(),
            },
        );
        shard.bytes += length;
        self.open = Some(shard);
        Ok(())
    }

    /// The shard that takes the next room.
    fn shard(&mut self) -> Result<Shard> {
        match self.open.take() {
            Some(shard) if shard.bytes < SHARD_BYTES => return Ok(shard),
            Some(full) => full.file.sync_all().map_err(Error::file(&full.path))?,
            None => {}
        }
        let name = format!("events/{:05}.ndjson.zst", self.count);
        self.count += 1;
        let path = self.dir.join(&name);
        Ok(Shard {
            file: fresh::file(&path)?,
            name,
            path,
            bytes: 0,
        })
    }

    /// Brings the last shard and the index to the disk.
    pub(super) fn finish(self) -> Result<()> {
        if let Some(last) = self.open {
            last.file.sync_all().map_err(Error::file(&last.path))?;
        }
        let path = self.dir.join(EVENT_INDEX);
        fresh::written(&path, json(&self.index, &path)?.as_bytes())
    }
}

/// Appends one frame; its compressed length in bytes.
fn frame(file: &mut File, events: &[EventLine]) -> io::Result<u64> {
    let mut encoder = zstd::Encoder::new(Counted { file, bytes: 0 }, LEVEL)?;
    encoder.include_checksum(true)?;
    for event in events {
        let mut line = serde_json::to_vec(event)?;
        // A line break in JSON is white space between values, never inside one.
        for byte in &mut line {
            if *byte == b'\n' {
                *byte = b' ';
            }
        }
        line.push(b'\n');
        encoder.write_all(&line)?;
    }
    Ok(encoder.finish()?.bytes)
}

struct Counted<'a> {
    file: &'a mut File,
    bytes: u64,
}

impl Write for Counted<'_> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let count = self.file.write(buffer)?;
        self.bytes += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
