//! The resident as a sending server: `PUT /_matrix/federation/v1/send/{txn}` to the target.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use axum::http::{self, HeaderValue, header::AUTHORIZATION};
use ruma::{
    EventId, OwnedEventId, OwnedServerName,
    api::federation::authentication::{ServerSignaturesInput, XMatrix},
    signatures::Ed25519KeyPair,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;

use super::Resident;
use crate::{
    Error, Result,
    clock::Clock,
    http::{Http, Request},
    secret::random_name,
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
    pdus: &'a [&'a RawValue],
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
            run: random_name(),
            next: AtomicU64::new(0),
        })
    }

    /// Sends PDUs, at most [`PDU_LIMIT`](crate::model::abilities::PDU_LIMIT) and in this order, in one transaction; what came of each. `None` is no proof that
    /// it arrived: what the target skips as too old is a success, too. `Some(reason)` is the target's refusal.
    pub async fn send(&self, pdus: &[(&EventId, &RawValue)]) -> Result<Vec<Option<String>>> {
        let bare: Vec<_> = pdus.iter().map(|(_, pdu)| *pdu).collect();
        let answer: Answer = self.deliver(self.transaction(&bare)?).await?;
        let said = |(id, _): &(&EventId, &RawValue)| match answer.pdus.get(*id) {
            Some(processed) => processed.error.clone(),
            // What can't be parsed is left out of the answer.
            None => Some("it can't read the event".to_owned()),
        };
        Ok(pdus.iter().map(said).collect())
    }

    /// A transaction as it is sent: path, body and the resident's signature of both.
    pub fn transaction(&self, pdus: &[&RawValue]) -> Result<http::Request<String>> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let path = format!("/_matrix/federation/v1/send/ferryman-{}-{number}", self.run);
        let body = serde_json::to_string(&Transaction {
            origin: self.resident.identity.name.as_str(),
            origin_server_ts: self.clock.now_ms(),
            pdus,
        })
        .map_err(|error| unsignable(&error))?;
        self.signed(&path, body)
    }

    /// A request that the resident signs.
    pub(super) async fn put<T: DeserializeOwned>(&self, path: &str, body: String) -> Result<T> {
        self.deliver(self.signed(path, body)?).await
    }

    fn signed(&self, path: &str, body: String) -> Result<http::Request<String>> {
        let identity = &self.resident.identity;
        signed(
            &identity.name,
            &self.resident.joiner,
            &identity.key,
            path,
            body,
        )
    }

    async fn deliver<T: DeserializeOwned>(&self, signed: http::Request<String>) -> Result<T> {
        deliver(&self.http, signed).await
    }
}

/// A `PUT` from one server to another, with the first one's signature of path and body.
pub(super) fn signed(
    from: &OwnedServerName,
    to: &OwnedServerName,
    key: &Ed25519KeyPair,
    path: &str,
    body: String,
) -> Result<http::Request<String>> {
    let mut request = http::Request::put(path)
        .body(body)
        .map_err(|error| unsignable(&error))?;
    let input = ServerSignaturesInput::new(from.clone(), to.clone(), key);
    let header =
        XMatrix::try_from_http_request(&request, input).map_err(|error| unsignable(&error))?;
    let header = HeaderValue::try_from(header.to_string()).map_err(|error| unsignable(&error))?;
    request.headers_mut().insert(AUTHORIZATION, header);
    Ok(request)
}

/// Sends it.
pub(super) async fn deliver<T: DeserializeOwned>(
    http: &Http,
    signed: http::Request<String>,
) -> Result<T> {
    let header = signed.headers().get(AUTHORIZATION);
    let header = header.and_then(|header| header.to_str().ok());
    let mut request = Request::new(reqwest::Method::PUT, signed.uri().path().to_owned());
    if let Some(header) = header {
        request = request.authorization(header.to_owned());
    }
    http.send(&request.text(signed.into_body())).await
}

pub(super) fn unsignable(error: &dyn std::fmt::Display) -> Error {
    Error::Target(format!(
        "the event can't be sent, for it can't be signed ({error})"
    ))
}
