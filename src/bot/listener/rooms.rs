//! `GET /_matrix/app/v1/rooms/{alias}`: no alias is made on demand.

use axum::{http::StatusCode, response::Response};

use super::error;

/// Always "not found".
pub(super) async fn get() -> Response {
    error(StatusCode::NOT_FOUND, "M_NOT_FOUND", "no such room")
}
