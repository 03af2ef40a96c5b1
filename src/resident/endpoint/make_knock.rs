//! `GET /_matrix/federation/v1/make_knock/{room}/{user}`

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
};
use ruma::{OwnedRoomId, OwnedUserId};
use serde_json::json;

use super::{Answer, Failure, failure};
use crate::resident::{Door, Resident, app::App};

/// A template of the knock, for a user who knocked at this room on the old server.
pub async fn handle(State(app): State<App>, Path((room, user)): Path<(String, String)>) -> Answer {
    let (room, user, door) = door(&app.resident, &room, &user)?;
    let resident = app.resident.identity.name.as_str();
    Ok(Json(json!({
        "room_version": door.version,
        "event": door.template(&room, &user, resident, app.clock.now_ms()),
    })))
}

/// The door of a room that is open for a user.
pub(super) fn door(
    resident: &Resident,
    room: &str,
    user: &str,
) -> Result<(OwnedRoomId, OwnedUserId, Arc<Door>), Failure> {
    let closed = || failure(404, "M_NOT_FOUND", "nobody of this name knocks here now");
    let room = OwnedRoomId::try_from(room).map_err(|_| closed())?;
    let user = OwnedUserId::try_from(user).map_err(|_| closed())?;
    let door = resident.doors.of(&room, &user).ok_or_else(closed)?;
    Ok((room, user, door))
}
