//! A room of the bundle on its way in, line by line.

use std::{io, path::Path};

use indexmap::IndexSet;
use ruma::{EventId, OwnedEventId, RoomVersionId};

use super::{Event, Opening};
use crate::{
    Error, Result,
    model::{
        event_line::EventLine,
        forks::Links,
        pdu::{self, PduError, PduHeader},
    },
    resident::pdu_file::PduWriter,
};

/// A room that is being taken in.
pub(super) struct Taking<'a> {
    version: &'a RoomVersionId,
    /// Where the join is, until it has passed.
    join: Option<&'a EventId>,
    pub(super) ids: IndexSet<OwnedEventId>,
    pub(super) events: Vec<Option<Event>>,
    pub(super) timeline: Vec<usize>,
    /// What the timeline's events follow.
    pub(super) links: Links,
    pub(super) pdus: PduWriter,
    pub(super) unreadable: Vec<(OwnedEventId, PduError)>,
}

impl<'a> Taking<'a> {
    pub(super) fn new(opening: &'a Opening, dir: &Path) -> Result<Self> {
        Ok(Self {
            version: &opening.version,
            join: opening.join.event_id(),
            ids: IndexSet::new(),
            events: Vec::new(),
            timeline: Vec::new(),
            links: Links::default(),
            pdus: PduWriter::new(dir).map_err(Error::file(dir))?,
            unreadable: Vec::new(),
        })
    }

    pub(super) fn take(&mut self, mut line: EventLine) -> io::Result<()> {
        let read = PduHeader::of(&line.pdu).and_then(|header| {
            if !pdu::can_travel(&line.pdu, self.version) {
                line.pdu = pdu::emptied(&line.pdu, &line.event_id, self.version)?;
            }
            Ok(header)
        });
        let header = match read {
            Ok(header) => header,
            Err(error) => {
                self.unreadable.push((line.event_id, error));
                return Ok(());
            }
        };
        let in_timeline = line.is_in_timeline();
        if in_timeline {
            self.links.pass(&line.event_id, &header);
        }
        let auth_events = header.auth_events.iter();
        let auth_events = auth_events.map(|event| self.number(event.id())).collect();
        let number = self.number(&line.event_id);
        let is_older = in_timeline && self.join.is_some();
        if self.join == Some(&*line.event_id) {
            self.join = None;
        }
        self.events[number] = Some(Event {
            origin_server_ts: header.origin_server_ts,
            depth: header.depth,
            follows: false,
            position: in_timeline.then_some(self.timeline.len()),
            is_emptied: is_older
                && header.state_key.is_some()
                && pdu::is_emptied(&line.pdu, self.version),
            state: header.state_key.map(|key| (header.kind, key)),
            auth_events,
            pdu: self.pdus.add(&line.pdu)?,
        });
        if in_timeline {
            self.timeline.push(number);
        }
        Ok(())
    }

    fn number(&mut self, id: &EventId) -> usize {
        if let Some(number) = self.ids.get_index_of(id) {
            return number;
        }
        self.events.push(None);
        self.ids.insert_full(id.to_owned()).0
    }
}
