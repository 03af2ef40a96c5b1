//! Saying again, as a puppet, what somebody has said elsewhere: with its own time, and a mark by which it is known.

use ruma::{EventId, OwnedEventId, OwnedUserId, RoomId, UserId};
use serde::Deserialize;
use serde_json::{Map, Value, json, value::RawValue};
use sha2::{Digest, Sha256};

use super::{
    Anything, Target,
    room::{Direction, TimelineEvent},
};
use crate::{
    Error, Result,
    hex::hex,
    http::{Request, encode},
};

/// In the content of a message that was sent again: the event's ID and time of before.
pub const REPLAYED: &str = "org.ferryman.replayed";

/// What the mark holds.
#[derive(Debug, Deserialize)]
struct Mark {
    event_id: OwnedEventId,
}

#[derive(Debug, Deserialize)]
struct Marked {
    #[serde(rename = "org.ferryman.replayed")]
    mark: Mark,
}

#[derive(Debug, Deserialize)]
struct Sent {
    event_id: OwnedEventId,
}

#[derive(Debug, Deserialize)]
struct Whole {
    #[serde(default)]
    content: Map<String, Value>,
}

/// A message that was sent again, as somebody sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resent {
    /// Its ID of before.
    pub of: OwnedEventId,
    /// Its ID there.
    pub event_id: OwnedEventId,
    /// Who has sent it: anybody can put a mark into what they say.
    pub sender: OwnedUserId,
}

/// What was said before, and where it goes.
#[derive(Debug)]
pub struct Again<'a> {
    /// Who.
    pub sender: &'a UserId,
    /// The room on the target.
    pub room: &'a RoomId,
    /// Type.
    pub kind: &'a str,
    /// The event's ID of before.
    pub event_id: &'a EventId,
    /// When it was said, in milliseconds since the Unix epoch.
    pub ts: u64,
}

fn path(room: &RoomId, what: &str) -> String {
    format!("/_matrix/client/v3/rooms/{}/{what}", encode(room.as_str()))
}

/// The name of a transaction: Tuwunel knows it by its sender alone, whatever the room.
pub(super) fn transaction(room: &RoomId, of: &str) -> String {
    let parts = format!("{room} {of}");
    format!("ferryman-{}", &hex(&Sha256::digest(parts))[..32])
}

impl Target {
    /// Sends a message once more, with its own time. The same twice is the same event, as long as the target remembers:
    /// Tuwunel does, unless it is killed just then; a Synapse does until it is started again, or for half an hour.
    pub async fn send_again(
        &self,
        again: &Again<'_>,
        mut content: Map<String, Value>,
    ) -> Result<OwnedEventId> {
        let mark = json!({ "event_id": again.event_id, "origin_server_ts": again.ts });
        content.insert(REPLAYED.to_owned(), mark);
        let transaction = transaction(again.room, again.event_id.as_str());
        let what = format!("send/{}/{transaction}", encode(again.kind));
        let request = Request::put(path(again.room, &what), &content.into()).query("ts", &again.ts);
        let request = Self::as_user(request, again.sender);
        let sent: Sent = self.puppets_http.send(&request).await?;
        Ok(sent.event_id)
    }

    /// The messages of a room that were sent again, newest first as far as one of its events, as somebody sees them.
    pub async fn resent(
        &self,
        reader: &UserId,
        room: &RoomId,
        as_far_as: Option<&EventId>,
        mut take: impl FnMut(Resent),
    ) -> Result<()> {
        let taken = |page: Vec<TimelineEvent>| {
            for event in page {
                if as_far_as == Some(&*event.event_id) {
                    return false;
                }
                if let Some(of) = marked(&event.content).filter(|_| event.state_key.is_none()) {
                    take(Resent {
                        of,
                        event_id: event.event_id,
                        sender: event.sender,
                    });
                }
            }
            true
        };
        self.pages(reader, room, Direction::Backward, taken).await
    }

    /// Deletes a message that was sent again, unless that was done before.
    pub async fn delete_again(&self, by: &UserId, room: &RoomId, event: &EventId) -> Result<()> {
        let event = encode(event.as_str());
        let request = Self::as_user(Request::get(path(room, &format!("event/{event}"))), by);
        let whole: Option<Whole> = match self.puppets_http.find(&request).await {
            Err(Error::Answer { status: 403, .. }) => None,
            other => other?,
        };
        // What is deleted has no mark any more. One that they don't see, such as that of somebody whom they ignore, is there
        // for others all the same.
        if whole.is_some_and(|whole| !whole.content.contains_key(REPLAYED)) {
            return Ok(());
        }
        let request = Request::put(path(room, &format!("redact/{event}/ferryman")), &json!({}));
        let request = Self::as_user(request, by);
        self.puppets_http.send::<Anything>(&request).await?;
        Ok(())
    }
}

fn marked(content: &RawValue) -> Option<OwnedEventId> {
    let marked: Marked = serde_json::from_str(content.get()).ok()?;
    Some(marked.mark.event_id)
}

#[cfg(test)]
mod tests {
    use ruma::room_id;

    use super::*;

    #[test]
    fn a_mark_is_read_and_nothing_else() {
        let of = |text: &str| marked(&RawValue::from_string(text.to_owned()).unwrap());
        let mark = r#"{"body":"b","org.ferryman.replayed":{"event_id":"$a","origin_server_ts":1}}"#;
        assert_eq!(of(mark).unwrap(), "$a");
        assert_eq!(of(r#"{"body":"b"}"#), None);
        assert_eq!(of(r#"{"org.ferryman.replayed":"$a"}"#), None);
        assert_eq!(of("[]"), None);
    }

    #[test]
    fn a_transaction_is_of_one_event_in_one_room() {
        let of = |room| transaction(room, "$a");
        assert_eq!(of(room_id!("!a:x")), of(room_id!("!a:x")));
        assert_ne!(of(room_id!("!a:x")), of(room_id!("!b:x")));
        assert_eq!(of(room_id!("!a:x")).len(), 41);
    }
}
