//! `GET /_matrix/federation/v1/event_auth/{room}/{event}`

use axum::extract::{Path, State};

use super::{Answered, PduAnswer, event_id, pdus, served_room, with_pdus};
use crate::resident::app::App;

/// The auth chain of an event.
pub async fn handle(
    State(app): State<App>,
    Path((room, event)): Path<(String, String)>,
) -> PduAnswer {
    let room = served_room(&app.resident, &room)?;
    let id = event_id(&event)?.to_owned();
    with_pdus(&Answered {
        auth_chain: Some(pdus(&room, &room.auth_chain([&id]))?),
        ..Answered::default()
    })
}
