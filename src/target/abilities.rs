//! What the target is and can do, asked of itself.

use std::collections::BTreeMap;

use ruma::RoomVersionId;
use serde::Deserialize;

use super::Target;
use crate::{Result, http::Request, model::abilities::Abilities};

#[derive(Debug, Deserialize)]
struct Version {
    server: Software,
}

#[derive(Debug, Deserialize)]
struct Software {
    name: String,
    version: String,
}

#[derive(Debug, Deserialize)]
struct Answer {
    capabilities: Capabilities,
}

#[derive(Debug, Deserialize)]
struct Capabilities {
    #[serde(rename = "m.room_versions")]
    room_versions: Option<RoomVersions>,
}

#[derive(Debug, Deserialize)]
struct RoomVersions {
    available: BTreeMap<RoomVersionId, String>,
}

impl Target {
    /// Asks for software, version and room versions. Only Tuwunel (and its relatives by the same admin commands) takes a
    /// replay; anything else is a stand-in.
    pub async fn abilities(&self) -> Result<Abilities> {
        let version: Version = self
            .bot_http
            .send(&Request::get("/_matrix/federation/v1/version"))
            .await?;
        let answer: Answer = self
            .bot_http
            .send(&Self::as_user(
                Request::get("/_matrix/client/v3/capabilities"),
                &self.bot,
            ))
            .await?;
        let room_versions = answer
            .capabilities
            .room_versions
            .map(|versions| versions.available.into_keys().collect())
            .unwrap_or_default();
        Ok(Abilities {
            replay: version.server.name.eq_ignore_ascii_case("tuwunel"),
            software: format!("{} {}", version.server.name, version.server.version),
            room_versions,
        })
    }
}
