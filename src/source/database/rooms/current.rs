//! What a room's current state is made of, gathered as its events pass by.

use std::collections::HashSet;

use ruma::{OwnedEventId, RoomId};

use crate::{
    job::Problem,
    source::{intake::problem, room::state::ClientEvent},
};

/// A state event, or the clause that says why it can't be one.
pub(super) type Read = std::result::Result<ClientEvent, String>;

/// The current state of a room, until it is whole.
#[derive(Default)]
pub(super) struct Current {
    /// Events of it that have not come yet.
    pub(super) ids: HashSet<OwnedEventId>,
    /// Those that have.
    pub(super) events: Vec<ClientEvent>,
    /// Those that can't be read.
    pub(super) problems: Vec<Problem>,
}

impl Current {
    /// An event of it.
    pub(super) fn take(&mut self, room: &RoomId, event: Read) {
        match event {
            Ok(event) => self.events.push(event),
            Err(reason) => self.problems.push(problem("room state", room, &reason)),
        }
    }
}
