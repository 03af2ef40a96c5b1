//! `GET /_matrix/federation/v1/version`

use axum::{Json, extract::State};
use serde_json::{Value, json};

use crate::resident::app::App;

/// Name and version of this software.
pub async fn handle(State(app): State<App>) -> Json<Value> {
    app.resident.count_version_query();
    Json(json!({ "server": { "name": "Ferryman", "version": env!("CARGO_PKG_VERSION") } }))
}
