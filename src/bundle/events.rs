//! One room's events, read from its frame, one line at a time.

use std::{
    fs::File,
    io::{self, BufReader, Read, Seek, SeekFrom, Take},
    path::{Path, PathBuf},
};

use ruma::{OwnedRoomId, RoomId};

use super::{
    line,
    shards::{Frame, Frames},
};
use crate::{Error, Result, model::event_line::EventLine};

/// Bytes of a line: an event of 64 KiB with every character escaped, and what the bundle adds, with room to spare.
const MAX_LINE: u64 = 1024 * 1024;

/// An iterator over the events of one room, in the bundle's order: outliers first, then the timeline.
///
/// It ends after the first error.
pub struct Events {
    bundle: PathBuf,
    room: OwnedRoomId,
    shard: PathBuf,
    /// Those that are not begun yet, the next one last.
    frames: Vec<Frame>,
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
            shard: PathBuf::new(),
            frames: Vec::new(),
            left: 0,
            lines: None,
        }
    }

    /// The events of a room's frames in the bundle directory `dir`.
    pub(super) fn of(dir: &Path, bundle: &Path, room: &RoomId, frames: &Frames) -> Result<Self> {
        let mut events = Self {
            bundle: bundle.to_owned(),
            room: room.to_owned(),
            shard: dir.join(&frames.shard),
            frames: [frames.timeline, frames.outliers]
                .into_iter()
                .flatten()
                .collect(),
            left: 0,
            lines: None,
        };
        events.next_frame().map_err(Error::file(&events.shard))?;
        Ok(events)
    }

    /// Opens the next frame; false if there is none.
    fn next_frame(&mut self) -> io::Result<bool> {
        let Some(frame) = self.frames.pop() else {
            return Ok(false);
        };
        let mut file = File::open(&self.shard)?;
        file.seek(SeekFrom::Start(frame.offset))?;
        let decoder = zstd::Decoder::new(file.take(frame.length))?.single_frame();
        self.lines = Some(BufReader::new(decoder));
        self.left = frame.lines;
        Ok(true)
    }

    fn read(&mut self) -> Result<Option<EventLine>, String> {
        loop {
            let Some(lines) = &mut self.lines else {
                return Ok(None);
            };
            match (line::next(lines, MAX_LINE)?, self.left) {
                (None, 0) => {
                    if !self.next_frame().map_err(|error| error.to_string())? {
                        return Ok(None);
                    }
                }
                (None, left) => return Err(format!("{left} events are missing at the end")),
                (Some(_), 0) => {
                    return Err("there are more events than events/index.json says".into());
                }
                (Some(line), _) => {
                    self.left -= 1;
                    return self.event(&line).map(Some);
                }
            }
        }
    }

    fn event(&self, line: &[u8]) -> Result<EventLine, String> {
        let event: EventLine = line::value(line, MAX_LINE)?;
        if event.room_id == self.room {
            Ok(event)
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
            self.frames.clear();
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
