//! `GET /_matrix/federation/v1/event/{event}`

use axum::extract::{Path, State};

use super::{Answered, PduAnswer, event_id, failure, pdus, with_pdus};
use crate::resident::app::App;

/// One PDU.
pub async fn handle(State(app): State<App>, Path(event): Path<String>) -> PduAnswer {
    let id = event_id(&event)?;
    let room = app
        .resident
        .room_with(id)
        .ok_or_else(|| failure(404, "M_NOT_FOUND", "no such event"))?;
    with_pdus(&Answered {
        origin: Some(app.resident.identity.name.as_str()),
        origin_server_ts: Some(app.clock.now_ms()),
        pdus: Some(pdus(&room, [&id.to_owned()])?),
        ..Answered::default()
    })
}
