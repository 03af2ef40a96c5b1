//! `GET /_matrix/federation/v1/version`

use axum::Json;
use serde_json::{Value, json};

/// Name and version of this software.
pub async fn handle() -> Json<Value> {
    Json(json!({ "server": { "name": "Ferryman", "version": env!("CARGO_PKG_VERSION") } }))
}
