//! `GET /_matrix/key/v2/server`, `POST /_matrix/key/v2/query`, `GET /_matrix/key/v2/query/{server}`

use axum::{
    Json,
    extract::{Path, State},
};
use ruma::{CanonicalJsonObject, OwnedServerName};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Answer, Failure, failure};
use crate::{Error, resident::app::App};

/// Which servers' keys are wanted; which of them doesn't matter, all are given.
#[derive(Debug, Deserialize)]
pub struct Query {
    server_keys: std::collections::BTreeMap<OwnedServerName, Value>,
}

/// The resident's own key.
pub async fn server(State(app): State<App>) -> Result<Json<CanonicalJsonObject>, Failure> {
    app.resident.count_own_key_query();
    app.resident
        .notary
        .own(&app.resident.identity, app.clock.now_ms())
        .map(Json)
        .map_err(|error| unavailable(&error))
}

/// Several servers' keys.
pub async fn query_many(State(app): State<App>, Json(query): Json<Query>) -> Answer {
    answer(&app, query.server_keys.keys())
}

/// One server's keys.
pub async fn query_one(State(app): State<App>, Path(server): Path<String>) -> Answer {
    answer(&app, OwnedServerName::try_from(server).ok().iter())
}

fn answer<'a>(app: &App, servers: impl Iterator<Item = &'a OwnedServerName>) -> Answer {
    let resident = &app.resident;
    resident.count_key_query();
    let mut found = Vec::new();
    for server in servers {
        found.extend(
            resident
                .notary
                .of(server, &resident.identity, app.clock.now_ms())
                .map_err(|error| unavailable(&error))?,
        );
    }
    Ok(Json(json!({ "server_keys": found })))
}

fn unavailable(error: &Error) -> Failure {
    tracing::error!(%error, "no key object");
    failure(404, "M_NOT_FOUND", "no key")
}
