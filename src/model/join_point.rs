//! Where in a room's history its one remote join happens.

use ruma::{EventId, OwnedEventId};
use serde::{Deserialize, Serialize};

/// Where in a room's history the join through the resident happens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "at")]
pub enum JoinPoint {
    /// Right after the create event, by the room's creator.
    Create {
        /// The create event.
        event_id: OwnedEventId,
    },
    /// Right after the first event at which the joiner is joined.
    AfterJoin {
        /// The joiner's first join.
        event_id: OwnedEventId,
    },
    /// Right after the oldest event that is left of the timeline, by somebody who was joined then.
    Oldest {
        /// That event.
        event_id: OwnedEventId,
    },
    /// Right after a later event, by somebody who was joined then: what is older comes as backfill.
    Recent {
        /// That event.
        event_id: OwnedEventId,
        /// Events of the timeline up to it.
        older: u64,
    },
    /// At the current state: all that a target without replay can take.
    Current,
}

impl JoinPoint {
    /// The event of the timeline that the join follows.
    #[must_use]
    pub fn event_id(&self) -> Option<&EventId> {
        match self {
            Self::Create { event_id }
            | Self::AfterJoin { event_id }
            | Self::Oldest { event_id }
            | Self::Recent { event_id, .. } => Some(event_id),
            Self::Current => None,
        }
    }
}
