//! Whom the target asks for a key that it doesn't have: seen by the questions that arrive at the resident.
//!
//! A request that claims to be signed by the resident with a key of an unknown ID makes Tuwunel look for that key
//! (`src/service/server_keys/get.rs` of 1.4.6 and 1.9.0): with each of its `trusted_servers`, and, unless
//! `only_query_trusted_key_servers` is set, with the resident itself. It finds none and refuses the request. All that it
//! keeps is the resident's own public key.

use std::time::Duration;

use serde_json::Value;

use super::Resident;
use crate::{
    Result,
    http::{Http, Request},
    secret::{ExposeSecret, random_token},
};

/// What only a server's signature opens, and what changes nothing.
const PATH: &str = "/_matrix/federation/v1/publicRooms";
/// 64 bytes in unpadded base64: as long as a signature.
const SIGNATURE_LENGTH: usize = 86;

/// Whom the target has asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    /// The resident, as one of its `trusted_servers`.
    pub notary: bool,
    /// The resident, as the server whose key it is.
    pub itself: bool,
    /// It came to the end of its search in time.
    pub ended: bool,
}

/// Makes the target at `target` look for a key, and waits for so long at the most. The resident has to listen.
pub async fn probe(resident: &Resident, target: &str, patience: Duration) -> Result<Asked> {
    let http = Http::new(
        "the target",
        target,
        None,
        "the resident signs its requests",
    )?;
    let key: String = random_token().expose_secret().chars().take(12).collect();
    let header = format!(
        "X-Matrix origin=\"{}\",destination=\"{}\",key=\"ed25519:{key}\",sig=\"{}\"",
        resident.identity.name,
        resident.joiner,
        "A".repeat(SIGNATURE_LENGTH)
    );
    let request = Request::get(PATH).authorization(header).once();
    // Whatever it answers, and a target that is gone by now has asked nobody.
    let answer = tokio::time::timeout(patience, http.send::<Value>(&request)).await;
    Ok(Asked {
        notary: resident.was_asked_for_keys(),
        itself: resident.was_asked_for_own_key(),
        ended: answer.is_ok(),
    })
}
