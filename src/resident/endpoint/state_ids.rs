//! `GET /_matrix/federation/v1/state_ids/{room}?event_id=`

use axum::{
    Json,
    extract::{Path, Query, State},
};
use serde::Deserialize;
use serde_json::json;

use super::{Answer, event_id, failure, served_room};
use crate::resident::app::App;

/// The event whose state is wanted.
#[derive(Debug, Deserialize)]
pub struct At {
    /// Before this one.
    pub event_id: String,
}

/// The IDs of the state before an event, and of its auth chain.
pub async fn handle(
    State(app): State<App>,
    Path(room): Path<String>,
    Query(at): Query<At>,
) -> Answer {
    let room = served_room(&app.resident, &room)?;
    let state = room
        .state_before(event_id(&at.event_id)?)
        .ok_or_else(|| failure(404, "M_NOT_FOUND", "no state at this event"))?;
    Ok(Json(json!({
        "pdu_ids": state.values().collect::<Vec<_>>(),
        "auth_chain_ids": room.auth_chain(state.values()),
    })))
}
