//! Synapse's Admin and Client API with an admin's token: the one place that sends requests to it and counts attempts.

mod admin;
mod aliases;
mod block;
mod fault;
mod fetch_event;
mod forward_extremities;
mod memberships;
mod messages;
mod request;
mod rooms;
mod server_keys;
mod server_version;
mod state;
mod users;
mod whoami;

#[cfg(test)]
mod tests;

use std::{
    net::IpAddr,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use reqwest::redirect::Policy;
use tokio::sync::Semaphore;

pub use messages::Page;
pub use rooms::ListedRoom;
pub use users::{ListedUser, UserDetails};

use crate::{Error, Result, config, error::Class, secret::SecretString};
use request::Request;

/// The name that errors give this server.
const SERVER: &str = "Synapse";
/// Requests at a time: one Synapse process is fully busy with these.
const IN_FLIGHT: usize = 8;
/// Attempts for one request, the first one included.
const ATTEMPTS: u32 = 4;
/// The first wait between attempts; each further one is twice as long.
const PAUSE: Duration = Duration::from_millis(250);
/// A longer wait than this is not what a server asks for in good faith.
const LONGEST_WAIT: Duration = Duration::from_mins(1);
/// A page of a thousand events, or the state of a huge room, takes a small server long.
const TIMEOUT: Duration = Duration::from_mins(3);
/// A server that is there accepts within this time.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A client of Synapse.
pub struct Client {
    http: reqwest::Client,
    url: String,
    token: SecretString,
    in_flight: Semaphore,
    requests: AtomicU64,
    pause: Duration,
}

impl Client {
    /// A client for the configured Synapse; nothing is sent yet.
    pub fn new(config: &config::Synapse) -> Result<Self> {
        let bad = |reason: String| {
            Error::Config(format!(
                "synapse.url {}: {reason}: give it as https://host or http://host:port",
                config.url
            ))
        };
        let url = reqwest::Url::parse(&config.url).map_err(|error| bad(error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(bad("this is no web address".into()));
        }
        let mut http = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .connect_timeout(CONNECT_TIMEOUT)
            // A redirect would carry the token to whoever it names.
            .redirect(Policy::none())
            .user_agent(concat!("ferryman/", env!("CARGO_PKG_VERSION")));
        if is_loopback(&url) {
            http = http.no_proxy();
        }
        Ok(Self {
            http: http.build().map_err(|error| bad(error.to_string()))?,
            url: config.url.trim_end_matches('/').to_owned(),
            token: config.admin_token.clone(),
            in_flight: Semaphore::new(IN_FLIGHT),
            requests: AtomicU64::new(0),
            pause: PAUSE,
        })
    }

    /// The same client with another first wait between attempts.
    #[must_use]
    pub fn with_pause(mut self, pause: Duration) -> Self {
        self.pause = pause;
        self
    }

    /// Requests sent so far, repeated ones counted each time.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Base URL, without a trailing slash.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Sends a request, again after a passing fault, and reads its answer.
    async fn send<T: serde::de::DeserializeOwned>(&self, request: Request<'_>) -> Result<T> {
        let mut pause = self.pause;
        let mut attempt = 1;
        loop {
            let error = match self.once(&request).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let wait = match error.class() {
                Class::Retry => pause,
                Class::RetryAfter(wait) => wait.min(LONGEST_WAIT),
                Class::Operator | Class::Never => return Err(error),
            };
            if attempt >= ATTEMPTS {
                return Err(error);
            }
            tracing::debug!(%error, attempt, ?wait, "trying again");
            tokio::time::sleep(wait).await;
            attempt += 1;
            pause *= 2;
        }
    }

    async fn once<T: serde::de::DeserializeOwned>(&self, request: &Request<'_>) -> Result<T> {
        // The semaphore is never closed.
        let _permit = self.in_flight.acquire().await.ok();
        self.requests.fetch_add(1, Ordering::Relaxed);
        let unreachable = |error| fault::unreachable(&self.url, error);
        let answer = request
            .build(&self.http, &self.url, &self.token)
            .send()
            .await
            .map_err(unreachable)?;
        let status = answer.status();
        let after = fault::retry_after_header(answer.headers());
        let body = answer.bytes().await.map_err(unreachable)?;
        if !status.is_success() {
            return Err(fault::answer(request, status, after, &body));
        }
        serde_json::from_slice(&body).map_err(|error| Error::Malformed {
            server: SERVER,
            request: request.to_string(),
            reason: error.to_string(),
        })
    }
}

/// Whether a request stays on this machine, where a proxy has no business.
fn is_loopback(url: &reqwest::Url) -> bool {
    url.host_str().is_some_and(|host| {
        host == "localhost"
            || host
                .trim_matches(['[', ']'])
                .parse()
                .is_ok_and(|ip: IpAddr| ip.is_loopback())
    })
}
