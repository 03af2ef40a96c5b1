//! An event of the database on its way into the bundle: proved and read on any thread.

use std::sync::Arc;

use ruma::{OwnedEventId, OwnedRoomId, RoomId, RoomVersionId};

use super::{batches::Batches, crew::Threads, current::Read};
use crate::{
    model::event_line::EventLine,
    source::{
        database::Row,
        room::{repair, state::ClientEvent},
    },
};

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
    /// Whether it is one of the room's current state.
    pub(super) is_state: bool,
    json: Option<String>,
    metadata: Option<String>,
    rejected: bool,
}

/// As the bundle holds it; or the event and the clause that says why not.
pub(super) struct Proved {
    pub(super) room: usize,
    pub(super) event: std::result::Result<repair::Repaired, (String, String)>,
    /// As a part of the room's current state, if it is one.
    pub(super) state: Option<Read>,
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
            is_state: false,
            json: text(1),
            metadata: text(2),
            rejected: row.text(3).is_some(),
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.json.as_ref().map_or(0, String::len)
    }

    fn prove(self, rooms: &Rooms) -> Proved {
        let room = self.room;
        let state = match rooms.get(room) {
            Some((id, _)) if self.is_state => Some(self.state(id)),
            _ => None,
        };
        let proved = self.proved(rooms);
        Proved {
            room,
            state,
            event: proved.map_err(|reason| (self.event_id, reason)),
        }
    }

    /// As a part of its room's current state.
    pub(super) fn state(&self, room: &RoomId) -> Read {
        let read = || {
            let json = self.json.as_deref();
            let json = json.ok_or("the database has no JSON of it")?;
            let raw = serde_json::from_str(json).map_err(|error| error.to_string())?;
            let id = OwnedEventId::try_from(self.event_id.as_str());
            ClientEvent::of(raw, room, id.ok())
        };
        match read() {
            Ok(event) if self.redacted_by.is_some() => Ok(event.redacted()),
            Ok(event) => Ok(event),
            Err(reason) => Err::<_, String>(format!("{}: {reason}", self.event_id)),
        }
    }

    fn proved(&self, rooms: &Rooms) -> std::result::Result<repair::Repaired, String> {
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
        Ok(repaired)
    }
}

/// Events go in one by one, and come out proved, in the same order, some at a time.
pub(super) struct Prover {
    batches: Batches<Raw, Proved>,
    rooms: Rooms,
}

impl Prover {
    pub(super) fn new(threads: Threads) -> Self {
        Self {
            batches: Batches::new(threads),
            rooms: Rooms::default(),
        }
    }

    /// Begins a stretch of rooms.
    pub(super) fn begin(&mut self, rooms: Rooms) {
        self.batches.clear();
        self.rooms = rooms;
    }

    /// Takes an event; sometimes earlier ones are done.
    pub(super) fn give(&mut self, event: Raw) -> Option<Vec<Proved>> {
        let bytes = event.bytes();
        self.batches.give(event, bytes, &prove(&self.rooms))
    }

    /// The events that are not out yet, until there are none.
    pub(super) fn rest(&mut self) -> Option<Vec<Proved>> {
        self.batches.rest(&prove(&self.rooms))
    }
}

fn prove(rooms: &Rooms) -> impl Fn(Raw) -> Proved + Clone + Send + use<> {
    let rooms = Arc::clone(rooms);
    move |event| event.prove(&rooms)
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
