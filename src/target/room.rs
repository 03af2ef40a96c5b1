//! What a room looks like on the target, read as one of its members.

use ruma::{OwnedEventId, OwnedUserId, RoomId, UserId};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::Target;
use crate::{
    Result,
    http::{Request, encode},
    model::state_event::StateEvent,
};

/// Events asked for at a time.
const PAGE: u32 = 100;

/// A timeline event in the client format, as far as it is compared.
#[derive(Debug, Clone, Deserialize)]
pub struct TimelineEvent {
    /// The event.
    pub event_id: OwnedEventId,
    /// Type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Sender.
    pub sender: OwnedUserId,
    /// State key of a state event.
    pub state_key: Option<String>,
    /// Milliseconds since the Unix epoch, as the sender's server says.
    #[serde(default)]
    pub origin_server_ts: u64,
    /// Content, unread.
    pub content: Box<RawValue>,
}

/// Where a timeline is read from.
#[derive(Debug, Clone, Copy)]
pub(super) enum Direction {
    /// From the oldest event on.
    Forward,
    /// From the newest event back.
    Backward,
}

impl Direction {
    const fn word(self) -> &'static str {
        match self {
            Self::Forward => "f",
            Self::Backward => "b",
        }
    }
}

#[derive(Debug, Deserialize)]
struct Page {
    #[serde(default)]
    chunk: Vec<TimelineEvent>,
    end: Option<String>,
}

fn path(room: &RoomId, what: &str) -> String {
    format!("/_matrix/client/v3/rooms/{}/{what}", encode(room.as_str()))
}

impl Target {
    /// The current state, members of every membership included; `None` if the target doesn't know the room.
    pub async fn state(&self, reader: &UserId, room: &RoomId) -> Result<Option<Vec<StateEvent>>> {
        self.puppets_http
            .find(&Self::as_user(Request::get(path(room, "state")), reader))
            .await
    }

    /// The whole timeline, oldest first, as far as the reader may see it: of each event what `keep` keeps. A page of them
    /// is in memory at a time.
    pub async fn timeline<T>(
        &self,
        reader: &UserId,
        room: &RoomId,
        keep: impl Fn(TimelineEvent) -> T,
    ) -> Result<Vec<T>> {
        let mut events = Vec::new();
        let taken = |page: Vec<_>| {
            events.extend(page.into_iter().map(&keep));
            true
        };
        self.pages(reader, room, Direction::Forward, taken).await?;
        Ok(events)
    }

    /// Pages of a room's timeline from one of its ends, as long as `take` wants more.
    pub(super) async fn pages(
        &self,
        reader: &UserId,
        room: &RoomId,
        direction: Direction,
        mut take: impl FnMut(Vec<TimelineEvent>) -> bool,
    ) -> Result<()> {
        let mut from = None;
        loop {
            let mut request = Request::get(path(room, "messages"))
                .query("dir", direction.word())
                .query("limit", &PAGE);
            if let Some(from) = &from {
                request = request.query("from", from);
            }
            let page: Page = self
                .puppets_http
                .send(&Self::as_user(request, reader))
                .await?;
            let empty = page.chunk.is_empty();
            let wants_more = take(page.chunk);
            // The last page may name an end, too; a token that doesn't move would go on for ever.
            if empty || !wants_more || page.end.is_none() || page.end == from {
                return Ok(());
            }
            from = page.end;
        }
    }
}
