//! `GET /_matrix/federation/v1/make_join/{room}/{user}`

use axum::{
    Json,
    extract::{Path, State},
};
use ruma::UserId;
use serde_json::json;

use super::{Answer, failure, served_room};
use crate::resident::app::App;

/// A template of the join event at the point in history that the plan chose, for the joiner that it chose.
pub async fn handle(State(app): State<App>, Path((room, user)): Path<(String, String)>) -> Answer {
    let room = served_room(&app.resident, &room)?;
    let refused = || failure(403, "M_FORBIDDEN", "another user joins this room");
    let user = <&UserId>::try_from(user.as_str()).map_err(|_| refused())?;
    if user != room.joiner {
        return Err(refused());
    }
    let event = room
        .join_template(
            user,
            app.resident.identity.name.as_str(),
            app.clock.now_ms(),
        )
        .ok_or_else(|| failure(404, "M_NOT_FOUND", "the room has no event to join at"))?;
    Ok(Json(
        json!({ "room_version": room.version, "event": event }),
    ))
}
