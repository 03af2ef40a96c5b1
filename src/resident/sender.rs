//! The resident as a sending server: `PUT /_matrix/federation/v1/send/{txn}` to the target, one PDU at a time.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use axum::http;
use ruma::{
    EventId, OwnedEventId, OwnedServerName,
    api::federation::authentication::{ServerSignaturesInput, XMatrix},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;

use super::Resident;
use crate::{
    Error, Result,
    clock::Clock,
    http::{Http, Request},
    secret::{ExposeSecret, random_token},
};

/// Sends PDUs, signed by the resident.
pub struct Sender {
    resident: Arc<Resident>,
    http: Http,
    clock: Arc<dyn Clock>,
    run: String,
    next: AtomicU64,
}

#[derive(Debug, Serialize)]
struct Transaction<'a> {
    origin: &'a str,
    origin_server_ts: u64,
    pdus: [&'a RawValue; 1],
}

/// The target's answer to a transaction.
#[derive(Debug, Deserialize)]
struct Answer {
    #[serde(default)]
    pdus: BTreeMap<OwnedEventId, Processed>,
}

#[derive(Debug, Deserialize)]
struct Processed {
    error: Option<String>,
}

impl Sender {
    /// `target` is the target's base URL.
    pub fn new(resident: Arc<Resident>, clock: Arc<dyn Clock>, target: &str) -> Result<Self> {
        Ok(Self {
            resident,
            http: Http::new(
                "the target",
                target,
                None,
                "the resident signs its requests",
            )?,
            clock,
            // The target remembers transaction IDs: a restarted run must not repeat one.
            run: random_token().expose_secret().chars().take(12).collect(),
            next: AtomicU64::new(0),
        })
    }

    /// Sends one PDU. `Ok(None)` is no proof that it arrived: what the target skips as too old is a success, too.
    /// `Ok(Some(reason))` is the target's refusal.
    pub async fn send(&self, event_id: &EventId, pdu: &RawValue) -> Result<Option<String>> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let path = format!("/_matrix/federation/v1/send/ferryman-{}-{number}", self.run);
        let body = serde_json::to_string(&Transaction {
            origin: self.resident.identity.name.as_str(),
            origin_server_ts: self.clock.now_ms(),
            pdus: [pdu],
        })
        .map_err(|error| unsignable(&error))?;
        let answer: Answer = self.put(path, body).await?;
        Ok(match answer.pdus.get(event_id) {
            Some(processed) => processed.error.clone(),
            // What can't be parsed is left out of the answer.
            None => Some("it can't read the event".to_owned()),
        })
    }

    /// A request that the resident signs.
    pub(super) async fn put<T: DeserializeOwned>(&self, path: String, body: String) -> Result<T> {
        let request = http::Request::put(&path)
            .body(body)
            .map_err(|error| unsignable(&error))?;
        let header = XMatrix::try_from_http_request(
            &request,
            ServerSignaturesInput::new(
                self.resident.identity.name.clone(),
                OwnedServerName::clone(&self.resident.joiner),
                &self.resident.identity.key,
            ),
        )
        .map_err(|error| unsignable(&error))?;
        self.http
            .send(
                &Request::new(reqwest::Method::PUT, path)
                    .text(request.into_body())
                    .authorization(header.to_string()),
            )
            .await
    }
}

pub(super) fn unsignable(error: &dyn std::fmt::Display) -> Error {
    Error::Target(format!(
        "the event can't be sent, for it can't be signed ({error})"
    ))
}
