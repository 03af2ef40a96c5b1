//! `PUT /_matrix/federation/v2/send_join/{room}/{event}`

use axum::{
    Json,
    extract::{Path, State},
};
use serde::Serialize;
use serde_json::value::RawValue;

use super::{PduAnswer, failure, pdus, served_room, with_pdus};
use crate::resident::app::App;

/// The answer's shape.
#[derive(Debug, Serialize)]
struct Joined<'a> {
    origin: &'a str,
    members_omitted: bool,
    state: Vec<Box<RawValue>>,
    auth_chain: Vec<Box<RawValue>>,
    event: Box<RawValue>,
}

/// The full state at the join point with its auth chain. The join event goes back as it came: a restricted room's
/// member who is joined already needs nobody's authorisation, and that of anybody else would be the old server's to
/// sign.
pub async fn handle(
    State(app): State<App>,
    Path((room, _event)): Path<(String, String)>,
    Json(event): Json<Box<RawValue>>,
) -> PduAnswer {
    let room = served_room(&app.resident, &room)?;
    let (_, state) = room
        .join_point()
        .ok_or_else(|| failure(404, "M_NOT_FOUND", "the room has no event to join at"))?;
    app.resident.count_send_join();
    let mut chain = room.auth_chain(state.values());
    chain.extend(state.values().cloned());
    with_pdus(&Joined {
        origin: app.resident.identity.name.as_str(),
        members_omitted: false,
        state: pdus(&room, state.values())?,
        auth_chain: pdus(&room, &chain)?,
        event,
    })
}
