//! `GET /_matrix/app/v1/users/{userId}`: only the bot exists.

use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::Response,
};

use super::{Listener, error, nothing};

/// Whether a user exists here.
pub(super) async fn get(State(listener): State<Listener>, Path(user): Path<String>) -> Response {
    if *listener.bot_id == *user {
        nothing()
    } else {
        error(StatusCode::NOT_FOUND, "M_NOT_FOUND", "no such user")
    }
}
