//! One room's events, read from its frame, one line at a time.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Take},
    path::{Path, PathBuf},
};

use ruma::{OwnedRoomId, RoomId};

use super::shards::Frame;
use crate::{Error, Result, model::event_line::EventLine};

/// Bytes of a line: an event of 64 KiB with every character escaped, and what the bundle adds, with room to spare.
const MAX_LINE: u64 = 1024 * 1024;

/// An iterator over the events of one room, in the bundle's order: outliers first, then the timeline.
///
/// It ends after the first error.
pub struct Events {
    bundle: PathBuf,
    room: OwnedRoomId,
    left: u64,
    lines: Option<Lines>,
}

type Lines = BufReader<zstd::Decoder<'static, BufReader<Take<File>>>>;

impl Events {
    /// No events.
    pub(super) fn none(bundle: &Path, room: &RoomId) -> Self {
        Self {
            bundle: bundle.to_owned(),
            room: room.to_owned(),
            left: 0,
            lines: None,
        }
    }

    /// The events of a frame in the bundle directory `dir`.
    pub(super) fn of(dir: &Path, bundle: &Path, room: &RoomId, frame: &Frame) -> Result<Self> {
        let path = dir.join(&frame.shard);
        let open = || -> io::Result<Lines> {
            let mut file = File::open(&path)?;
            file.seek(SeekFrom::Start(frame.offset))?;
            let decoder = zstd::Decoder::new(file.take(frame.length))?.single_frame();
            Ok(BufReader::new(decoder))
        };
        Ok(Self {
            bundle: bundle.to_owned(),
            room: room.to_owned(),
            left: frame.lines,
            lines: Some(open().map_err(Error::file(&path))?),
        })
    }

    fn read(&mut self) -> Result<Option<EventLine>, String> {
        let Some(lines) = &mut self.lines else {
            return Ok(None);
        };
        let mut line = Vec::new();
        lines
            .by_ref()
            .take(MAX_LINE)
            .read_until(b'\n', &mut line)
            .map_err(|error| error.to_string())?;
        match (line.is_empty(), self.left) {
            (true, 0) => return Ok(None),
            (true, left) => return Err(format!("{left} events are missing at the end")),
            (false, 0) => return Err("there are more events than events/index.json says".into()),
            (false, _) => self.left -= 1,
        }
        if line.pop() != Some(b'\n') {
            return Err(format!("a line is cut off or longer than {MAX_LINE} bytes"));
        }
        let event: EventLine = serde_json::from_slice(&line).map_err(|error| error.to_string())?;
        if event.room_id == self.room {
            Ok(Some(event))
        } else {
            Err(format!("an event of {} stands among them", event.room_id))
        }
    }
}

impl Iterator for Events {
    type Item = Result<EventLine>;

    fn next(&mut self) -> Option<Self::Item> {
        let read = self.read();
        if !matches!(read, Ok(Some(_))) {
            self.lines = None;
        }
        read.transpose().map(|event| {
            event.map_err(|reason| Error::Bundle {
                path: self.bundle.clone(),
                reason: format!(
                    "the events of {} can't be read ({reason}): copy the bundle again, or export again",
                    self.room
                ),
            })
        })
    }
}
