//! `PUT /_matrix/federation/v1/send_knock/{room}/{event}`

use axum::{
    Json,
    extract::{Path, State},
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{PduAnswer, failure, make_knock::door, with_pdus};
use crate::resident::app::App;

/// What is read of the knock.
#[derive(Debug, Deserialize)]
pub struct Knock {
    #[serde(rename = "type")]
    kind: String,
    sender: String,
    state_key: String,
    content: Content,
}

#[derive(Debug, Deserialize)]
struct Content {
    membership: String,
}

/// The answer's shape.
#[derive(Debug, Serialize)]
struct Heard<'a> {
    knock_room_state: &'a [Box<RawValue>],
}

/// What the user sees of the room. The knock itself stays with the target: nobody is behind the door.
pub async fn handle(
    State(app): State<App>,
    Path((room, _event)): Path<(String, String)>,
    Json(knock): Json<Knock>,
) -> PduAnswer {
    let is_knock = knock.kind == "m.room.member"
        && knock.content.membership == "knock"
        && knock.state_key == knock.sender;
    if !is_knock {
        return Err(failure(400, "M_INVALID_PARAM", "this event is no knock"));
    }
    let (_, _, door) = door(&app.resident, &room, &knock.sender)?;
    with_pdus(&Heard {
        knock_room_state: &door.view,
    })
}
