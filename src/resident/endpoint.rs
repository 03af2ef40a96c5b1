//! The resident's endpoints, one file each. Source of all: Matrix specification, server-server API.

pub mod event;
pub mod event_auth;
pub mod keys;
pub mod make_join;
pub mod send_join;
pub mod state;
pub mod state_ids;
pub mod version;

use std::sync::Arc;

use axum::{
    Json,
    http::{StatusCode, Uri},
};
use ruma::{EventId, RoomId};
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
struct Pdus<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    origin: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    origin_server_ts: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pdus: Option<Vec<&'a RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_chain: Option<Vec<&'a RawValue>>,
}

/// A Matrix error. 5xx, 429 and answers that aren't JSON make Tuwunel 1.9 back off from the whole server, so an
/// unknown thing is always a 404 in JSON.
#[must_use]
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
