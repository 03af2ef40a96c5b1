//! `events/<shard>.ndjson.zst`, written: every room two zstd frames, timeline and outliers, so that each can be read alone.

mod compressors;

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use ruma::{OwnedRoomId, RoomVersionId};
use serde::{Deserialize, Serialize};

use self::compressors::{Compressed, Compressors};
use super::{file_names::EVENT_INDEX, fresh, json_stream::json, line};
use crate::{
    Error, Result,
    model::{
        event_line::EventLine,
        order::{Linked, topological},
        pdu::PduHeader,
    },
};

/// Files of this size are easy to copy, and few.
const SHARD_BYTES: u64 = 256 * 1024 * 1024;

/// `events/index.json`: where each room's events are.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct EventIndex {
    /// Room → its frames. A room without events has none.
    pub(super) rooms: BTreeMap<OwnedRoomId, Frames>,
}

/// One room's events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Frames {
    /// The file, relative to the bundle.
    pub(super) shard: String,
    /// Room version, if known.
    pub(super) version: Option<RoomVersionId>,
    /// Events outside the timeline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) outliers: Option<Frame>,
    /// The timeline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) timeline: Option<Frame>,
}

/// A zstd frame in a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Frame {
    /// Its first byte.
    pub(super) offset: u64,
    /// Its bytes, compressed.
    pub(super) length: u64,
    /// Events in it.
    pub(super) lines: u64,
}

/// Where the rooms that are complete end.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ShardMark {
    index: EventIndex,
    count: u32,
    /// The shard that takes the next room, and its bytes.
    open: Option<(String, u64)>,
}

impl ShardMark {
    /// Whether a file is one of the shards.
    pub(super) fn has(&self, name: &str) -> bool {
        (0..self.count).any(|number| shard_name(number) == name)
    }
}

fn shard_name(number: u32) -> String {
    format!("events/{number:05}.ndjson.zst")
}

/// Writes rooms one after the other, each as it comes: no room is ever whole in memory.
pub(super) struct ShardWriter {
    dir: PathBuf,
    index: EventIndex,
    open: Option<Shard>,
    room: Option<Room>,
    compressors: Compressors,
    count: u32,
    /// Compressed bytes after which the next room begins a new shard.
    limit: u64,
}

struct Shard {
    name: String,
    path: PathBuf,
    file: File,
    bytes: u64,
}

/// The room that is being written.
struct Room {
    shard: Shard,
    timeline: Option<(Compressed<File>, u64)>,
    /// They come last and stand apart; compressed, they are few bytes.
    outliers: Option<(Compressed<Vec<u8>>, u64)>,
}

impl ShardWriter {
    /// A writer into the bundle directory `dir`, behind what an earlier run left.
    pub(super) fn new(dir: &Path, mark: ShardMark) -> Result<Self> {
        fresh::dirs(&dir.join("events"))?;
        let reopened = |(name, bytes): (String, u64)| -> Result<Shard> {
            let path = dir.join(&name);
            Ok(Shard {
                file: fresh::file_or_rest(&path, Some(bytes))?,
                name,
                path,
                bytes,
            })
        };
        Ok(Self {
            open: mark.open.map(reopened).transpose()?,
            dir: dir.to_owned(),
            index: mark.index,
            room: None,
            compressors: Compressors::default(),
            count: mark.count,
            limit: SHARD_BYTES,
        })
    }

    /// Brings the rooms so far to the disk; from there a later run can go on. Only between two rooms.
    pub(super) fn mark(&self) -> Result<ShardMark> {
        if let Some(shard) = &self.open {
            shard.file.sync_data().map_err(Error::file(&shard.path))?;
        }
        Ok(ShardMark {
            index: self.index.clone(),
            count: self.count,
            open: self
                .open
                .as_ref()
                .map(|shard| (shard.name.clone(), shard.bytes)),
        })
    }

    /// Adds events of the room that is being written: timeline events in their order, outliers in theirs.
    pub(super) fn events(&mut self, events: &[EventLine]) -> Result<()> {
        if events.is_empty() {
            return Ok(());
        }
        let mut room = match self.room.take() {
            Some(room) => room,
            None => Room {
                shard: self.shard()?,
                timeline: None,
                outliers: None,
            },
        };
        let path = room.shard.path.clone();
        room.add(events, &mut self.compressors)
            .map_err(Error::file(path))?;
        self.room = Some(room);
        Ok(())
    }

    /// Ends the room that is being written. A timeline of which the caller knows that an event stands before one that
    /// it follows is put in order.
    pub(super) fn close(
        &mut self,
        room_id: &OwnedRoomId,
        version: Option<&RoomVersionId>,
        disordered: bool,
    ) -> Result<()> {
        let Some(room) = self.room.take() else {
            return Ok(());
        };
        let Room {
            mut shard,
            timeline,
            outliers,
        } = room;
        let path = shard.path.clone();
        let compressors = &mut self.compressors;
        let close = || -> io::Result<Frames> {
            let mut timeline = end_timeline(&mut shard, timeline, compressors)?;
            if disordered && let Some(timeline) = &mut timeline {
                *timeline = in_order(&mut shard, *timeline, &self.dir, compressors)?;
            }
            Ok(Frames {
                shard: shard.name.clone(),
                version: version.cloned(),
                timeline,
                outliers: end_outliers(&mut shard, outliers, compressors)?,
            })
        };
        let frames = close().map_err(Error::file(path))?;
        self.index.rooms.insert(room_id.clone(), frames);
        self.open = Some(shard);
        Ok(())
    }

    /// Drops the room that is being written.
    pub(super) fn abandon(&mut self) -> Result<()> {
        let Some(Room { mut shard, .. }) = self.room.take() else {
            return Ok(());
        };
        let end = shard.bytes;
        shard
            .file
            .set_len(end)
            .and_then(|()| shard.file.seek(SeekFrom::Start(end)))
            .map_err(Error::file(&shard.path))?;
        self.open = Some(shard);
        Ok(())
    }

    /// The shard that takes the next room.
    fn shard(&mut self) -> Result<Shard> {
        match self.open.take() {
            Some(shard) if shard.bytes < self.limit => return Ok(shard),
            Some(full) => full.file.sync_all().map_err(Error::file(&full.path))?,
            None => {}
        }
        let name = shard_name(self.count);
        self.count += 1;
        let path = self.dir.join(&name);
        Ok(Shard {
            file: fresh::file_or_rest(&path, None)?,
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

impl Room {
    fn add(&mut self, events: &[EventLine], compressors: &mut Compressors) -> io::Result<()> {
        for event in events {
            if event.outlier {
                let (frame, lines) = match &mut self.outliers {
                    Some(outliers) => outliers,
                    none => none.insert((compressors.begin(Vec::new())?, 0)),
                };
                line::write(frame, event)?;
                *lines += 1;
            } else {
                let (frame, lines) = match &mut self.timeline {
                    Some(timeline) => timeline,
                    none => none.insert((compressors.begin(self.shard.file.try_clone()?)?, 0)),
                };
                line::write(frame, event)?;
                *lines += 1;
            }
        }
        Ok(())
    }
}

fn end_timeline(
    shard: &mut Shard,
    timeline: Option<(Compressed<File>, u64)>,
    compressors: &mut Compressors,
) -> io::Result<Option<Frame>> {
    let Some((frame, lines)) = timeline else {
        return Ok(None);
    };
    let (_, length) = compressors.end(frame)?;
    Ok(Some(shard.grown(length, lines)))
}

fn end_outliers(
    shard: &mut Shard,
    outliers: Option<(Compressed<Vec<u8>>, u64)>,
    compressors: &mut Compressors,
) -> io::Result<Option<Frame>> {
    let Some((frame, lines)) = outliers else {
        return Ok(None);
    };
    let (frame, _) = compressors.end(frame)?;
    shard.file.write_all(&frame)?;
    Ok(Some(shard.grown(frame.len() as u64, lines)))
}

impl Shard {
    fn grown(&mut self, length: u64, lines: u64) -> Frame {
        let offset = self.bytes;
        self.bytes += length;
        Frame {
            offset,
            length,
            lines,
        }
    }
}

/// Writes the last frame of a shard anew with every event after those that it follows.
///
/// The lines go through an unnamed file; only their IDs and links are in memory.
fn in_order(
    shard: &mut Shard,
    frame: Frame,
    dir: &Path,
    compressors: &mut Compressors,
) -> io::Result<Frame> {
    let mut written = File::open(&shard.path)?;
    written.seek(SeekFrom::Start(frame.offset))?;
    let decoder = zstd::Decoder::new(written.take(frame.length))?.single_frame();
    let mut lines = BufReader::new(decoder);
    let mut plain = io::BufWriter::new(tempfile::tempfile_in(dir)?);
    let (mut graph, mut offset) = (Vec::new(), 0_u64);
    let mut text = Vec::new();
    while lines.read_until(b'\n', &mut text)? > 0 {
        let event: EventLine = serde_json::from_slice(&text)?;
        let previous = PduHeader::of(&event.pdu).map_or_else(
            |_| Vec::new(),
            |header| {
                header
                    .prev_events
                    .iter()
                    .map(|event| event.id().clone())
                    .collect()
            },
        );
        let length = text.len() as u64;
        graph.push(Linked {
            id: event.event_id,
            previous,
            item: (offset, text.len()),
        });
        plain.write_all(&text)?;
        offset += length;
        text.clear();
    }
    let mut plain = plain.into_inner().map_err(io::IntoInnerError::into_error)?;
    shard.file.set_len(frame.offset)?;
    shard.file.seek(SeekFrom::Start(frame.offset))?;
    shard.bytes = frame.offset;
    let mut ordered = compressors.begin(shard.file.try_clone()?)?;
    for (offset, length) in topological(graph) {
        text.resize(length, 0);
        plain.seek(SeekFrom::Start(offset))?;
        plain.read_exact(&mut text)?;
        ordered.write_all(&text)?;
    }
    let (_, length) = compressors.end(ordered)?;
    Ok(shard.grown(length, frame.lines))
}

#[cfg(test)]
mod tests;
