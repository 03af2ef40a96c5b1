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

/// Files of this size are easy to copy, and few.
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
    /// Compressed bytes after which the next room begins a new shard.
    limit: u64,
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
            limit: SHARD_BYTES,
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
            Some(shard) if shard.bytes < self.limit => return Ok(shard),
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

#[cfg(test)]
mod tests {
    use serde_json::value::RawValue;

    use super::*;
    use crate::bundle::Events;

    fn events(room: &str, count: usize) -> Vec<EventLine> {
        (0..count)
            .map(|number| EventLine {
                room_id: room.try_into().unwrap(),
                event_id: format!("${number}").try_into().unwrap(),
                outlier: false,
                rejected: false,
                soft_failed: false,
                redacted_by: None,
                // White space between values may hold line breaks.
                pdu: RawValue::from_string("{\n\"a\":\"\\n\"}".into()).unwrap(),
            })
            .collect()
    }

    fn written(limit: u64, rooms: &[(&str, Vec<EventLine>)]) -> (tempfile::TempDir, EventIndex) {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = ShardWriter::new(dir.path()).unwrap();
        writer.limit = limit;
        for (room, events) in rooms {
            let room = OwnedRoomId::try_from(*room).unwrap();
            writer
                .room(&room, Some(&RoomVersionId::V11), events)
                .unwrap();
        }
        writer.finish().unwrap();
        let index = std::fs::read(dir.path().join(EVENT_INDEX)).unwrap();
        (dir, serde_json::from_slice(&index).unwrap())
    }

    fn read(dir: &Path, room: &str, frame: &Frame) -> Vec<Result<EventLine>> {
        let room = OwnedRoomId::try_from(room).unwrap();
        Events::of(dir, Path::new("b"), &room, frame)
            .unwrap()
            .collect()
    }

    #[test]
    fn a_full_shard_is_followed_by_another() {
        let rooms = ["!a:x", "!b:x", "!c:x", "!d:x"].map(|room| (room, events(room, 3)));
        let (dir, index) = written(100, &rooms);
        let shards: Vec<_> = index
            .rooms
            .values()
            .map(|frame| frame.shard.as_str())
            .collect();
        assert_eq!(
            shards,
            [
                "events/00000.ndjson.zst",
                "events/00000.ndjson.zst",
                "events/00001.ndjson.zst",
                "events/00001.ndjson.zst"
            ]
        );
        for (room, events) in &rooms {
            let frame = &index.rooms[&OwnedRoomId::try_from(*room).unwrap()];
            let read: Vec<_> = read(dir.path(), room, frame)
                .into_iter()
                .map(Result::unwrap)
                .collect();
            assert_eq!(read.len(), events.len());
            assert_eq!(read[0].pdu.get(), "{ \"a\":\"\\n\"}");
        }
    }

    #[test]
    fn an_index_that_lies_ends_the_room_with_one_error() {
        let (dir, index) = written(
            SHARD_BYTES,
            &[("!a:x", events("!a:x", 3)), ("!b:x", events("!b:x", 1))],
        );
        let good = &index.rooms[&OwnedRoomId::try_from("!a:x").unwrap()];
        let said = |room: &str, frame: Frame| {
            let read = read(dir.path(), room, &frame);
            let errors: Vec<_> = read
                .iter()
                .filter_map(|event| event.as_ref().err())
                .collect();
            assert_eq!(errors.len(), 1);
            assert!(read.last().unwrap().is_err());
            errors[0].to_string()
        };
        assert_eq!(
            said(
                "!a:x",
                Frame {
                    lines: 5,
                    ..good.clone()
                }
            ),
            "bundle b: the events of !a:x can't be read (2 events are missing at the end): copy the bundle again, or export again"
        );
        assert_eq!(
            said(
                "!a:x",
                Frame {
                    lines: 2,
                    ..good.clone()
                }
            ),
            "bundle b: the events of !a:x can't be read (there are more events than events/index.json says): copy the bundle again, or export again"
        );
        assert_eq!(
            said("!b:x", good.clone()),
            "bundle b: the events of !b:x can't be read (an event of !a:x stands among them): copy the bundle again, or export again"
        );
        assert!(
            said(
                "!a:x",
                Frame {
                    length: good.length - 1,
                    ..good.clone()
                }
            )
            .contains("incomplete frame")
        );
        assert!(
            said(
                "!a:x",
                Frame {
                    offset: 7,
                    ..good.clone()
                }
            )
            .contains("can't be read")
        );
    }

    #[test]
    fn an_over_long_line_is_not_read_into_memory() {
        let mut long = events("!a:x", 1);
        let text = format!("\"{}\"", "x".repeat(2 << 20));
        long[0].pdu = RawValue::from_string(text).unwrap();
        let (dir, index) = written(SHARD_BYTES, &[("!a:x", long)]);
        let frame = index.rooms.values().next().unwrap();
        let read = read(dir.path(), "!a:x", frame);
        assert_eq!(
            read[0].as_ref().unwrap_err().to_string(),
            "bundle b: the events of !a:x can't be read (a line is cut off or longer than 1048576 bytes): copy the bundle again, or export again"
        );
    }
}
