//! What the target is and can do, asked of itself.

use std::collections::BTreeMap;

use ruma::RoomVersionId;
use serde::Deserialize;

use super::Target;
use crate::{Result, http::Request, model::abilities::Abilities};

/// From this version on, `/messages` answers only those who may see the room (`src/api/client/message.rs`).
const PROTECTS_PAST: (u64, u64) = (1, 9);

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
        let replay = version.server.name.eq_ignore_ascii_case("tuwunel");
        Ok(Abilities {
            replay,
            protects_past: replay && is_at_least(&version.server.version, PROTECTS_PAST),
            software: format!("{} {}", version.server.name, version.server.version),
            room_versions,
        })
    }
}

/// Whether a version such as `1.4.6 (abcdef)` is this major and minor version, or a later one.
fn is_at_least(version: &str, least: (u64, u64)) -> bool {
    let mut numbers = version
        .split(|char: char| !char.is_ascii_digit())
        .map_while(|number| number.parse::<u64>().ok());
    let (Some(major), Some(minor)) = (numbers.next(), numbers.next()) else {
        return false;
    };
    (major, minor) >= least
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        for later in ["1.9.0", "1.10.2", "2.0.0", "1.9.0 (abc)", "1.9"] {
            assert!(is_at_least(later, (1, 9)), "{later}");
        }
        for earlier in ["1.4.6", "1.8.3", "0.9.9", "", "v1.9.0", "1", "nightly"] {
            assert!(!is_at_least(earlier, (1, 9)), "{earlier}");
        }
    }
}
