//! `PUT /_matrix/app/v1/transactions/{txnId}`: events, kept before they are answered for, and each only once.

use axum::{
    body::Bytes,
    extract::{Path, State},
    http::StatusCode,
    response::Response,
};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Listener, error, nothing};

#[derive(Deserialize)]
struct Transaction<'a> {
    #[serde(borrow, default)]
    events: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Header {
    event_id: String,
    #[serde(rename = "type")]
    kind: String,
}

/// Keeps what the worker may care about.
pub(super) async fn put(
    State(listener): State<Listener>,
    Path(id): Path<String>,
    body: Bytes,
) -> Response {
    let Ok(transaction) = serde_json::from_slice::<Transaction<'_>>(&body) else {
        return error(StatusCode::BAD_REQUEST, "M_BAD_JSON", "not a transaction");
    };
    let events: Vec<(String, String)> = transaction
        .events
        .iter()
        .filter_map(|event| {
            let header: Header = serde_json::from_str(event.get()).ok()?;
            matches!(
                header.kind.as_str(),
                "m.room.message" | "m.reaction" | "m.room.encrypted" | "m.room.encryption"
            )
            .then(|| (header.event_id, event.get().to_owned()))
        })
        .collect();
    let now = listener.clock.now_ms();
    let kept = listener.store.accept(&id, &events, now);
    listener.health.transaction(kept.is_ok(), now);
    match kept {
        Ok(new) => {
            if new {
                listener.news.notify_one();
            }
            nothing()
        }
        // The homeserver sends it again later.
        Err(failure) => {
            tracing::error!("a transaction can't be kept: {failure}");
            error(
                StatusCode::INTERNAL_SERVER_ERROR,
                "M_UNKNOWN",
                "can't be kept, try again",
            )
        }
    }
}
