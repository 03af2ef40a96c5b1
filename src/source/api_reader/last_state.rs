//! The state of a room that Synapse keeps no current state of: all local members have left it.

use ruma::RoomId;
use serde_json::value::RawValue;

use super::newest;
use crate::{
    Result,
    source::admin_api::{Client, Extremity},
};

/// The state after the last event that Synapse doesn't hide; nothing for a room without events.
pub(super) async fn of(
    client: &Client,
    room: &RoomId,
    tips: &[Extremity],
) -> Result<Vec<Box<RawValue>>> {
    let newest = newest::of(client, room, tips).await?;
    match newest.and_then(|newest| newest.last_seen) {
        Some(last) => Ok(client.context(room, &last).await?.state),
        None => Ok(Vec::new()),
    }
}
