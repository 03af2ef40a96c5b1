//! The one place that sends requests to a Matrix server: tries, pauses and errors of all clients.

mod agent;
mod fault;
mod patience;
mod presence;
mod request;

#[cfg(test)]
mod tests;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use reqwest::{RequestBuilder, header::AUTHORIZATION, header::CONTENT_TYPE};
use serde::de::DeserializeOwned;
use tokio::sync::Semaphore;

pub use patience::Patience;
pub use request::{Request, encode};

use crate::{
    Error, Result,
    secret::{ExposeSecret, SecretString},
};
use fault::Fault;
use patience::Tries;
use presence::Presence;
use request::Authorization;

/// A join of a big room counts as one request.
const TIMEOUT: Duration = Duration::from_mins(10);

/// One server, and who we are there. Cheap to clone; clones count and wait together.
#[derive(Debug, Clone)]
pub struct Http {
    client: reqwest::Client,
    base: String,
    server: &'static str,
    token: Option<SecretString>,
    remedy: &'static str,
    /// Paths for admins only, and the remedy for a token that is no admin's.
    admins: Option<(&'static str, &'static str)>,
    timeout: Duration,
    patience: Patience,
    in_flight: Option<Arc<Semaphore>>,
    requests: Arc<AtomicU64>,
    presence: Arc<Presence>,
}

impl Http {
    /// A server by its base URL; `remedy` is what the operator does when it refuses the token.
    pub fn new(
        server: &'static str,
        base: &str,
        token: Option<SecretString>,
        remedy: &'static str,
    ) -> Result<Self> {
        Ok(Self {
            client: agent::of(base)?,
            base: base.trim_end_matches('/').to_owned(),
            server,
            token,
            remedy,
            admins: None,
            timeout: TIMEOUT,
            patience: Patience::default(),
            in_flight: None,
            requests: Arc::default(),
            presence: Arc::default(),
        })
    }

    /// The same, but with any certificate: only for asking ourselves.
    pub fn trusting_any_certificate(mut self) -> Result<Self> {
        self.client = agent::trusting()?;
        Ok(self.timeout(Duration::from_secs(5)))
    }

    /// With a remedy for a 403 to a path that begins like this: only admins may ask there.
    #[must_use]
    pub fn for_admins(mut self, path: &'static str, remedy: &'static str) -> Self {
        self.admins = Some((path, remedy));
        self
    }

    /// With another time for a request until its answer is there.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// With another patience.
    #[must_use]
    pub fn patience(mut self, patience: Patience) -> Self {
        self.patience = patience;
        self
    }

    /// With another first pause between two tries.
    #[must_use]
    pub fn pause(mut self, pause: Duration) -> Self {
        self.patience.pause = pause;
        self
    }

    /// For somebody who wants to know now: a server that goes away is not waited for.
    #[must_use]
    pub fn hurried(mut self) -> Self {
        self.patience.waits = false;
        self
    }

    /// With so many requests at a time and no more.
    #[must_use]
    pub fn in_flight(mut self, requests: usize) -> Self {
        self.in_flight = Some(Arc::new(Semaphore::new(requests)));
        self
    }

    /// The base URL, without a trailing slash.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Requests sent so far, repeated ones counted each time.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Sends a request, again after passing faults, and reads the JSON answer.
    pub async fn send<T: DeserializeOwned>(&self, request: &Request) -> Result<T> {
        let mut tries = Tries::new(self.patience, request.limit);
        loop {
            let Fault { error, absent } = match self.once(request).await {
                Ok(answer) => return Ok(answer),
                Err(fault) => fault,
            };
            let was_there = self.presence.was_there();
            let Some(pause) = tries.pause(error.class(), absent, was_there) else {
                return Err(error);
            };
            if absent && was_there && self.patience.waits && self.presence.is_missed() {
                tracing::warn!("{error}; trying again for a while");
            }
            tracing::debug!(%request, %error, ?pause, "trying again");
            tokio::time::sleep(pause).await;
        }
    }

    /// The answer, or `None` where the server answers 404.
    pub async fn find<T: DeserializeOwned>(&self, request: &Request) -> Result<Option<T>> {
        match self.send(request).await {
            Ok(answer) => Ok(Some(answer)),
            Err(Error::Answer { status: 404, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn once<T: DeserializeOwned>(&self, request: &Request) -> Result<T, Fault> {
        let _permit = match &self.in_flight {
            // The semaphore is never closed.
            Some(in_flight) => in_flight.acquire().await.ok(),
            None => None,
        };
        self.requests.fetch_add(1, Ordering::Relaxed);
        let answer = self.built(request).send().await;
        let answer = answer.map_err(|error| self.unanswered(error))?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let body = answer.bytes().await;
        let body = body.map_err(|error| self.broken_off(error))?;
        let answer = if status.is_success() {
            serde_json::from_slice(&body).map_err(|error| self.malformed(request, &error))
        } else {
            Err(self.refused(request, status, &headers, &body))
        };
        let is_there = !matches!(answer, Err(Fault { absent: true, .. }));
        if is_there && self.presence.answered() {
            tracing::info!("{} at {} answers again", self.server, self.base);
        }
        answer
    }

    fn built(&self, request: &Request) -> RequestBuilder {
        let url = format!("{}{}", self.base, request.path);
        let mut builder = self
            .client
            .request(request.method.clone(), url)
            .timeout(self.timeout)
            .query(&request.query);
        builder = match (&request.authorization, &self.token) {
            (Authorization::Header(value), _) => builder.header(AUTHORIZATION, value),
            (Authorization::Token, Some(token)) => builder.bearer_auth(token.expose_secret()),
            (Authorization::Token, None) | (Authorization::Nobody, _) => builder,
        };
        match &request.body {
            Some((bytes, kind)) => builder.header(CONTENT_TYPE, *kind).body(bytes.clone()),
            None => builder,
        }
    }
}
