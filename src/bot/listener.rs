//! The application service's HTTP side: what the homeserver calls.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::DefaultBodyLimit,
    http::StatusCode,
    middleware,
    response::{IntoResponse, Response},
    routing::{get, post, put},
};
use serde_json::json;
use tokio::sync::Notify;

use super::store::Store;
use crate::{clock::Clock, monitor::health::Health, secret::SecretString};

mod auth;
mod ping;
mod rooms;
mod transactions;
mod users;

/// A transaction holds at most 100 events of 64 KiB; this leaves room for ephemeral ones.
const LARGEST_BODY: usize = 16 * 1024 * 1024;

/// What the endpoints need.
#[derive(Clone)]
pub struct Listener {
    /// Where events are kept before the homeserver gets its 200.
    pub store: Store,
    /// The homeserver shows this token.
    pub hs_token: Arc<SecretString>,
    /// The only user that exists here.
    pub bot_id: Arc<str>,
    /// Rung when something was kept.
    pub news: Arc<Notify>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Who is told whether transactions are kept.
    pub health: Arc<Health>,
}

/// The endpoints, under their present and their old paths.
pub fn router(listener: Listener) -> Router {
    let endpoints = Router::new()
        .route("/transactions/{txn_id}", put(transactions::put))
        .route("/users/{user_id}", get(users::get))
        .route("/rooms/{alias}", get(rooms::get));
    Router::new()
        .nest(
            "/_matrix/app/v1",
            endpoints.clone().route("/ping", post(ping::post)),
        )
        .merge(endpoints)
        .route_layer(middleware::from_fn_with_state(
            listener.clone(),
            auth::check,
        ))
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .fallback(unrecognized)
        .method_not_allowed_fallback(wrong_method)
        .with_state(listener)
}

async fn unrecognized() -> Response {
    error(StatusCode::NOT_FOUND, "M_UNRECOGNIZED", "no such endpoint")
}

async fn wrong_method() -> Response {
    error(
        StatusCode::METHOD_NOT_ALLOWED,
        "M_UNRECOGNIZED",
        "wrong method",
    )
}

/// A Matrix error.
fn error(status: StatusCode, errcode: &str, message: &str) -> Response {
    (status, Json(json!({"errcode": errcode, "error": message}))).into_response()
}

/// `{}`.
fn nothing() -> Response {
    Json(json!({})).into_response()
}

#[cfg(test)]
mod tests;
