//! The one place that sends requests to a Matrix server: tries, pauses and errors of all clients.

mod agent;
mod date;
mod digest;
mod download;
mod fault;
mod options;
mod patience;
mod presence;
mod relay;
mod request;
mod send;
mod words;

#[cfg(test)]
mod tests;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::sync::Semaphore;

pub use digest::Digest;
pub use patience::Patience;
pub use relay::Relayed;
pub use request::{Request, encode};

use crate::{Result, secret::SecretString};
use presence::Presence;

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
}
