//! The resident as inviter: `PUT /_matrix/federation/v2/invite/{room}/{event}`.

use ruma::{EventId, RoomId, RoomVersionId};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::sender::{Sender, unsignable};
use crate::{Result, http::encode};

#[derive(Debug, Serialize)]
struct Handed<'a> {
    room_version: &'a RoomVersionId,
    event: &'a RawValue,
    invite_room_state: &'a [Box<RawValue>],
}

/// The event with the target's signature. Nobody needs it: the room goes on without the old server.
#[derive(Debug, Deserialize)]
struct Signed {}

impl Sender {
    /// Hands the target an invite of one of its users, as the inviter wrote it, with the room's stripped state. A 200 is
    /// no proof that the user sees it: who ignores the inviter doesn't.
    ///
    /// Source: server-server API, "Inviting to a room".
    pub async fn invite(
        &self,
        room: &RoomId,
        version: &RoomVersionId,
        event_id: &EventId,
        event: &RawValue,
        stripped: &[Box<RawValue>],
    ) -> Result<()> {
        let path = format!(
            "/_matrix/federation/v2/invite/{}/{}",
            encode(room.as_str()),
            encode(event_id.as_str())
        );
        let body = serde_json::to_string(&Handed {
            room_version: version,
            event,
            invite_room_state: stripped,
        })
        .map_err(|error| unsignable(&error))?;
        let _signed: Signed = self.put(&path, body).await?;
        Ok(())
    }
}
