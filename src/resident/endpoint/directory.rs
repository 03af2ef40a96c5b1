//! `GET /_matrix/federation/v1/query/directory?room_alias=`

use axum::{
    Json,
    extract::{Query, State},
};
use serde::Deserialize;
use serde_json::json;

use super::{Answer, failure};
use crate::resident::app::App;

/// The alias that is asked for.
#[derive(Debug, Deserialize)]
pub struct Asked {
    room_alias: String,
}

/// The room behind one of the resident's own aliases. It names the resident as the only server to join through.
pub async fn handle(State(app): State<App>, Query(asked): Query<Asked>) -> Answer {
    let resident = &app.resident;
    let room = resident
        .room_named(&asked.room_alias)
        .ok_or_else(|| failure(404, "M_NOT_FOUND", "no such alias"))?;
    Ok(Json(json!({
        "room_id": room.room_id,
        "servers": [resident.identity.name],
    })))
}
