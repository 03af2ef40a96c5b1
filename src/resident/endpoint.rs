//! The resident's endpoints, one file each. Source of all: Matrix specification, server-server API.

pub mod directory;
pub mod event;
pub mod event_auth;
pub mod keys;
pub mod make_join;
pub mod make_knock;
pub mod media_download;
pub mod send_join;
pub mod send_knock;
pub mod state;
pub mod state_ids;
pub mod version;

use std::sync::Arc;

use axum::{
    Json,
    http::{StatusCode, Uri},
};
use ruma::{EventId, OwnedEventId, RoomId};
use serde::Serialize;
use serde_json::{
    Value, json,
    value::{RawValue, to_raw_value},
};

use super::{OpenRoom, Resident};

/// A Matrix error: status and body.
pub type Failure = (StatusCode, Json<Value>);
/// An endpoint's answer.
pub type Answer = Result<Json<Value>, Failure>;
/// An answer that holds PDUs: text already, because a [`Value`] would re-shape them.
pub type PduAnswer = Result<Json<Box<RawValue>>, Failure>;

/// Serialises an answer with PDUs without a detour over [`Value`].
fn with_pdus(answer: &impl Serialize) -> PduAnswer {
    to_raw_value(answer)
        .map(Json)
        .map_err(|error| failure(404, "M_NOT_FOUND", &error.to_string()))
}

/// `state`, `event_auth`: PDUs with their auth chain.
#[derive(Debug, Default, Serialize)]
struct Answered<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    origin: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    origin_server_ts: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pdus: Option<Vec<Box<RawValue>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_chain: Option<Vec<Box<RawValue>>>,
}

/// The PDUs of some of a room's events. What can't be read back is nothing that the target could mend.
fn pdus<'a>(
    room: &OpenRoom,
    ids: impl IntoIterator<Item = &'a OwnedEventId>,
) -> Result<Vec<Box<RawValue>>, Failure> {
    room.pdus(ids).map_err(|error| {
        tracing::error!(target: "ferryman::resident", %error, "an event can't be served");
        failure(404, "M_NOT_FOUND", &error.to_string())
    })
}

/// A Matrix error. 5xx, 429 and answers that aren't JSON make Tuwunel 1.9 back off from the whole server, so an
/// unknown thing is always a 404 in JSON.
pub fn failure(status: u16, errcode: &str, error: &str) -> Failure {
    (
        StatusCode::from_u16(status).unwrap_or(StatusCode::NOT_FOUND),
        Json(json!({ "errcode": errcode, "error": error })),
    )
}

/// Any other path.
pub async fn unknown(uri: Uri) -> Failure {
    tracing::debug!(target: "ferryman::resident", %uri, "not served");
    failure(404, "M_UNRECOGNIZED", "the resident does not serve this")
}

fn served_room(resident: &Resident, room: &str) -> Result<Arc<OpenRoom>, Failure> {
    <&RoomId>::try_from(room)
        .ok()
        .and_then(|room| resident.room(room))
        .ok_or_else(|| {
            failure(
                404,
                "M_NOT_FOUND",
                "this room is not being carried over now",
            )
        })
}

fn event_id(text: &str) -> Result<&EventId, Failure> {
    <&EventId>::try_from(text).map_err(|_| failure(404, "M_NOT_FOUND", "no such event"))
}
