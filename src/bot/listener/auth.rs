//! `hs_token`: as a bearer token, or as `access_token` in the query as older homeservers send it.

use axum::{
    extract::{Query, Request, State},
    http::{StatusCode, header::AUTHORIZATION},
    middleware::Next,
    response::Response,
};
use serde::Deserialize;

use super::{Listener, error};
use crate::secret::same;

#[derive(Deserialize)]
struct Parameters {
    access_token: Option<String>,
}

/// Lets nobody in but the homeserver.
pub(super) async fn check(
    State(listener): State<Listener>,
    request: Request,
    next: Next,
) -> Response {
    let bearer = request.headers().get(AUTHORIZATION).map(|value| {
        value
            .to_str()
            .ok()
            .and_then(|text| text.strip_prefix("Bearer "))
    });
    let query = Query::<Parameters>::try_from_uri(request.uri()).ok();
    let given = match &bearer {
        Some(token) => *token,
        None => query
            .as_ref()
            .and_then(|Query(parameters)| parameters.access_token.as_deref()),
    };
    if given.is_some_and(|token| same(&listener.hs_token, token)) {
        next.run(request).await
    } else {
        tracing::warn!("somebody called the application service with a wrong or missing hs_token");
        error(
            StatusCode::FORBIDDEN,
            "M_FORBIDDEN",
            "wrong or missing hs_token",
        )
    }
}
