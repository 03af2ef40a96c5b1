//! `GET /_matrix/federation/v1/state/{room}?event_id=`

use axum::extract::{Path, Query, State};

use super::{Answered, PduAnswer, event_id, failure, pdus, served_room, state_ids::At, with_pdus};
use crate::resident::app::App;

/// The state before an event, or the present one ([`OpenRoom::told_state`]), and its auth chain, as PDUs.
///
/// [`OpenRoom::told_state`]: crate::resident::OpenRoom::told_state
pub async fn handle(
    State(app): State<App>,
    Path(room): Path<String>,
    Query(at): Query<At>,
) -> PduAnswer {
    let room = served_room(&app.resident, &room)?;
    let state = room
        .told_state(event_id(&at.event_id)?)
        .ok_or_else(|| failure(404, "M_NOT_FOUND", "no state at this event"))?;
    with_pdus(&Answered {
        pdus: Some(pdus(&room, state.values())?),
        auth_chain: Some(pdus(&room, &room.auth_chain(state.values()))?),
        ..Answered::default()
    })
}
