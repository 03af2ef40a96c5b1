//! What the planner has to know of a room, read from the bundle in one pass over its events.

use std::collections::BTreeMap;

use ruma::{OwnedEventId, OwnedUserId};

use crate::{
    Result,
    bundle::Bundle,
    model::{event_line::EventLine, pdu::PduHeader, room::Room},
};

/// A room as the planner sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct RoomFacts {
    /// Its entry in the bundle.
    pub room: Room,
    /// Current members of every membership.
    pub memberships: BTreeMap<OwnedUserId, String>,
    /// Timeline events.
    pub timeline: u64,
    /// The create event, if the timeline has it, and who sent it.
    pub create: Option<(OwnedEventId, OwnedUserId)>,
    /// Each user's first join in the timeline.
    pub first_joins: BTreeMap<OwnedUserId, FirstJoin>,
}

/// Where a user first was joined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirstJoin {
    /// The membership event.
    pub event_id: OwnedEventId,
    /// Its place in the timeline.
    pub position: u64,
    /// Whether the history up to there has no forks, so that the state there is certain.
    pub straight: bool,
}

impl RoomFacts {
    /// Reads a room's members and events.
    pub fn read(bundle: &Bundle, room: Room) -> Result<Self> {
        let memberships = bundle.memberships(&room.room_id)?;
        let mut facts = Self::empty(room, memberships);
        let mut walk = Walk::default();
        for line in bundle.events(&facts.room.room_id)? {
            facts.take(&line?, &mut walk);
        }
        Ok(facts)
    }

    /// A room without events.
    #[must_use]
    pub fn empty(room: Room, memberships: BTreeMap<OwnedUserId, String>) -> Self {
        Self {
            room,
            memberships,
            timeline: 0,
            create: None,
            first_joins: BTreeMap::new(),
        }
    }

    fn take(&mut self, line: &EventLine, walk: &mut Walk) {
        if !line.is_in_timeline() {
            return;
        }
        let position = self.timeline;
        self.timeline += 1;
        // An unreadable event is told by the import; a place after it can't be certain.
        let Ok(header) = PduHeader::of(&line.pdu) else {
            walk.forked = true;
            return;
        };
        walk.step(&header, &line.event_id, position);
        if header.kind == "m.room.create" && header.state_key.as_deref() == Some("") {
            self.create = Some((line.event_id.clone(), header.sender.clone()));
        }
        if header.kind == "m.room.member"
            && header.membership.as_deref() == Some("join")
            && let Some(user) = header
                .state_key
                .and_then(|key| OwnedUserId::try_from(key).ok())
        {
            self.first_joins.entry(user).or_insert(FirstJoin {
                event_id: line.event_id.clone(),
                position,
                straight: !walk.forked,
            });
        }
    }
}

/// Whether the history so far is one line, each event following the one before it.
#[derive(Debug, Default)]
struct Walk {
    last: Option<OwnedEventId>,
    forked: bool,
}

impl Walk {
    fn step(&mut self, header: &PduHeader, event_id: &OwnedEventId, position: u64) {
        let follows = match (&self.last, header.prev_events.as_slice()) {
            (Some(last), [one]) => one.id() == last,
            (None, []) => position == 0,
            _ => false,
        };
        self.forked |= !follows;
        self.last = Some(event_id.clone());
    }
}
