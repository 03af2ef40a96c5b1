//! What the planner has to know of a room, read from the bundle in one pass over its events.

mod certain;
mod recent;

use std::collections::{BTreeMap, BTreeSet, HashSet};

use ruma::{OwnedEventId, OwnedUserId, RoomId};

use certain::Certain;
pub use recent::Recent;

use super::pending::waiting::Found;
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
    /// Who waits at its door.
    pub waiting: Vec<Found>,
    /// What is left of a past that is gone: where the timeline begins later than the room.
    pub oldest: Option<Oldest>,
    /// Where somebody could join late.
    pub recent: Recent,
}

/// The oldest event of a timeline whose past is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Oldest {
    /// The event.
    pub event_id: OwnedEventId,
    /// Who was joined after it.
    pub joined: BTreeSet<OwnedUserId>,
}

/// Where a user first was joined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirstJoin {
    /// The membership event.
    pub event_id: OwnedEventId,
    /// Its place in the timeline.
    pub position: u64,
    /// Whether the state there is certain.
    pub certain: bool,
}

impl RoomFacts {
    /// Reads a room's members and events.
    pub fn read(bundle: &Bundle, room: Room) -> Result<Self> {
        let memberships = bundle.memberships(&room.room_id)?;
        let mut walk = Certain::new(bundle.snapshots(&room.room_id)?);
        let mut facts = Self::empty(room, memberships);
        let mut first = None;
        for line in bundle.events(&facts.room.room_id)? {
            let line = line?;
            if line.is_in_timeline() {
                first.get_or_insert_with(|| line.event_id.clone());
                facts.take(&line, &mut walk);
            }
        }
        if facts.create.is_none()
            && let Some(oldest) = first
        {
            facts.oldest = Oldest::read(bundle, &facts.room.room_id, oldest)?;
        }
        Ok(facts)
    }

    /// The joined members.
    pub fn joined(&self) -> impl Iterator<Item = &OwnedUserId> {
        let members = self.memberships.iter();
        members
            .filter(|(_, membership)| *membership == "join")
            .map(|(user, _)| user)
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
            waiting: Vec::new(),
            oldest: None,
            recent: Recent::default(),
        }
    }

    /// The next event of the timeline.
    fn take(&mut self, line: &EventLine, walk: &mut Certain) {
        let position = self.timeline;
        self.timeline += 1;
        // An unreadable event is told by the import; a place after it can't be certain.
        let Ok(header) = PduHeader::of(&line.pdu) else {
            walk.lose();
            return;
        };
        let certain = walk.step(&header, &line.event_id);
        // Behind a gap somebody may have left and come back, and a fork may still be open.
        if certain && walk.is_whole() {
            self.recent.certain(position, &line.event_id);
        }
        if header.kind == "m.room.create" && header.state_key.as_deref() == Some("") {
            self.create = Some((line.event_id.clone(), header.sender.clone()));
        }
        let Some((user, is_joined)) = membership(&header) else {
            return;
        };
        self.recent.member(&user, is_joined, position);
        if is_joined {
            self.first_joins.entry(user).or_insert(FirstJoin {
                event_id: line.event_id.clone(),
                position,
                certain,
            });
        }
    }
}

impl Oldest {
    /// None if the bundle doesn't have the state there.
    fn read(bundle: &Bundle, room: &RoomId, event_id: OwnedEventId) -> Result<Option<Self>> {
        let Some(state) = bundle.snapshot(room, &event_id)? else {
            return Ok(None);
        };
        let state: HashSet<_> = state.into_iter().collect();
        let mut joined = BTreeSet::new();
        // Outliers come first; of the timeline, only the event itself matters.
        for line in bundle.events(room)? {
            let line = line?;
            let is_oldest = line.event_id == event_id;
            if (is_oldest || state.contains(&line.event_id))
                && let Ok(header) = PduHeader::of(&line.pdu)
                && let Some((user, is_joined)) = membership(&header)
            {
                if is_joined {
                    joined.insert(user);
                } else {
                    joined.remove(&user);
                }
            }
            if is_oldest {
                break;
            }
        }
        Ok(Some(Self { event_id, joined }))
    }
}

/// Whose membership an event is, and whether it is that of somebody who is joined.
fn membership(header: &PduHeader) -> Option<(OwnedUserId, bool)> {
    let user = header.state_key.as_deref()?.try_into().ok()?;
    let is_joined = header.membership.as_deref() == Some("join");
    (header.kind == "m.room.member").then_some((user, is_joined))
}
