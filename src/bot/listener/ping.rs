//! `POST /_matrix/app/v1/ping`: the homeserver shows that it reaches the bot.

use axum::response::Response;

use super::nothing;

/// Reaching this is the whole answer.
pub(super) async fn post() -> Response {
    nothing()
}
