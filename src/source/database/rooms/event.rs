//! An event of the database on its way into the bundle: proved and read on any thread.

use std::{mem, sync::Arc};

use ruma::{OwnedEventId, OwnedRoomId, RoomVersionId};

use super::crew::Crew;
use crate::{
    Result,
    model::{event_line::EventLine, pdu::PduHeader},
    source::{database::Row, room::repair},
};

/// Events that are proved together, and handed over together.
const TOGETHER: usize = 500;
/// The same as a bound of memory: an event has up to 64 KiB.
const BYTES: usize = 1024 * 1024;

/// Which columns [`Raw::of`] reads, of tables `events e` and `event_json j`.
pub(super) const COLUMNS: &str = "e.event_id, j.json, j.internal_metadata, e.rejection_reason, e.room_id, e.sender, \
     e.type, e.stream_ordering, e.topological_ordering";

/// Rooms of a stretch, as far as events need to know them.
pub(super) type Rooms = Arc<Vec<(OwnedRoomId, Option<RoomVersionId>)>>;

/// As it was read.
pub(super) struct Raw {
    pub(super) room: usize,
    pub(super) event_id: String,
    pub(super) outlier: bool,
    pub(super) redacted_by: Option<OwnedEventId>,
    json: Option<String>,
    metadata: Option<String>,
    rejected: bool,
}

/// As the bundle holds it; or the event and the clause that says why not.
pub(super) struct Proved {
    pub(super) room: usize,
    pub(super) event: std::result::Result<(repair::Repaired, PduHeader), (String, String)>,
}

impl Raw {
    /// Reads a row of [`COLUMNS`].
    pub(super) fn of(row: &Row<'_>, room: usize, outlier: bool) -> Self {
        let text = |column| row.text(column).map(str::to_owned);
        Self {
            room,
            event_id: text(0).unwrap_or_default(),
            outlier,
            redacted_by: None,
            json: text(1),
            metadata: text(2),
            rejected: row.text(3).is_some(),
        }
    }

    fn bytes(&self) -> usize {
        self.json.as_ref().map_or(0, String::len)
    }

    fn prove(self, rooms: &Rooms) -> Proved {
        let room = self.room;
        let proved = self.proved(rooms);
        Proved {
            room,
            event: proved.map_err(|reason| (self.event_id, reason)),
        }
    }

    fn proved(&self, rooms: &Rooms) -> std::result::Result<(repair::Repaired, PduHeader), String> {
        let (room, version) = rooms.get(self.room).ok_or("its room is unknown")?;
        let version = version.as_ref().ok_or("its room version is unknown")?;
        let stored = repair::Stored {
            json: self
                .json
                .as_deref()
                .ok_or("the database has no JSON of it")?,
            metadata: self
                .metadata
                .as_deref()
                .ok_or("the database has no notes on it")?,
            event_id: self
                .event_id
                .as_str()
                .try_into()
                .map_err(|error: ruma::IdParseError| error.to_string())?,
            rejected: self.rejected,
            redacted_by: self.redacted_by.as_deref(),
        };
        let mut repaired = repair::restore(&stored, room, version)?;
        repaired.line.outlier = self.outlier;
        let header = PduHeader::of(&repaired.line.pdu).map_err(|error| error.to_string())?;
        Ok((repaired, header))
    }
}

/// Events go in one by one, and come out proved, in the same order, some at a time.
pub(super) struct Prover {
    crew: Crew<Vec<Proved>>,
    rooms: Rooms,
    next: Vec<Raw>,
    bytes: usize,
}

impl Prover {
    pub(super) fn new() -> Result<Self> {
        Ok(Self {
            crew: Crew::new()?,
            rooms: Rooms::default(),
            next: Vec::new(),
            bytes: 0,
        })
    }

    /// Begins a stretch of rooms.
    pub(super) fn begin(&mut self, rooms: Rooms) {
        self.crew.clear();
        self.next.clear();
        self.bytes = 0;
        self.rooms = rooms;
    }

    /// Takes an event; sometimes earlier ones are done.
    pub(super) fn give(&mut self, event: Raw) -> Option<Vec<Proved>> {
        self.bytes += event.bytes();
        self.next.push(event);
        if self.next.len() < TOGETHER && self.bytes < BYTES {
            return None;
        }
        self.send()
    }

    /// The events that are not out yet, until there are none.
    pub(super) fn rest(&mut self) -> Option<Vec<Proved>> {
        if self.next.is_empty() {
            return self.crew.take();
        }
        // At the crew's bound, the oldest come back at once; below it, the loop comes here again.
        Some(self.send().unwrap_or_default())
    }

    fn send(&mut self) -> Option<Vec<Proved>> {
        self.bytes = 0;
        let events = mem::take(&mut self.next);
        let rooms = Arc::clone(&self.rooms);
        self.crew.give(move || {
            events
                .into_iter()
                .map(|event| event.prove(&rooms))
                .collect()
        })
    }
}

/// Lines of one room from events that came together.
pub(super) fn runs(events: Vec<Proved>) -> Vec<(usize, Vec<Proved>)> {
    let mut runs: Vec<(usize, Vec<Proved>)> = Vec::new();
    for event in events {
        match runs.last_mut() {
            Some((room, run)) if *room == event.room => run.push(event),
            _ => runs.push((event.room, vec![event])),
        }
    }
    runs
}

/// Whether a line belongs to what the timeline is counted and linked by: what Synapse refused is only kept.
pub(super) fn counts(line: &EventLine) -> bool {
    !line.rejected
}
