//! `/live`, `/ready` and `/metrics`, for whoever reaches the listener.

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::get,
};

use super::{Monitor, metrics};

/// The three pages.
pub(super) fn router(monitor: Monitor) -> Router {
    Router::new()
        .route("/live", get(live))
        .route("/ready", get(ready))
        .route("/metrics", get(all))
        .with_state(monitor)
}

async fn live(State(monitor): State<Monitor>) -> Response {
    answer("live", monitor.health.live())
}

async fn ready(State(monitor): State<Monitor>) -> Response {
    answer("ready", monitor.health.ready())
}

async fn all(State(monitor): State<Monitor>) -> Response {
    match metrics::text(&monitor.facts().await) {
        Ok(text) => ([(CONTENT_TYPE, metrics::CONTENT_TYPE)], text).into_response(),
        Err(error) => {
            tracing::error!("the metrics can't be written: {error}");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

fn answer(word: &str, state: Result<(), &'static str>) -> Response {
    match state {
        Ok(()) => (StatusCode::OK, format!("{word}\n")).into_response(),
        Err(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")).into_response(),
    }
}
