//! One entry of the bundle's `pending.json`: an invite or a knock that waits for an answer.

use ruma::{OwnedEventId, OwnedRoomId, OwnedUserId};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// A local user's pending invite or knock.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Pending {
    /// Who is invited, or knocks.
    pub user_id: OwnedUserId,
    /// Where.
    pub room_id: OwnedRoomId,
    /// `invite` or `knock`.
    pub membership: String,
    /// The membership event.
    pub event_id: OwnedEventId,
    /// That event in the federation format, if it could be read.
    pub pdu: Option<Box<RawValue>>,
    /// The room as the user sees it before they are in it: stripped state without the membership itself, by type and
    /// state key. None if the reader can't see it.
    pub stripped_state: Option<Vec<Box<RawValue>>>,
}
