//! The bot's requests to the target: always as the bot, with the registration's token, retried by the error's class.

use std::{error::Error as _, sync::Arc, time::Duration};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Method, RequestBuilder, Response};
use serde_json::Value;

use crate::{
    Error, Result,
    error::Class,
    secret::{ExposeSecret, SecretString},
};

mod account;
mod media;
mod messages;
mod ping;
mod rooms;

/// How the target is called in errors.
const SERVER: &str = "the target";

/// For a target that doesn't know the token.
const REMEDY: &str = "hand the file `ferryman.yaml` to it again (`ferryman registration` says how), and keep its tokens as they are";

/// Tries of one request.
const TRIES: u32 = 5;

/// The longest pause that a server can impose.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// Everything but letters, digits and the four unreserved marks is encoded: a path segment may hold a slash.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A client that acts as the bot. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: Arc<str>,
    token: Arc<SecretString>,
    user: Arc<str>,
    pause: Duration,
}

/// What a request carries.
enum Body<'a> {
    /// Nothing.
    None,
    /// JSON.
    Json(&'a Value),
    /// Bytes of a type.
    Bytes(&'a [u8], &'static str),
}

impl Client {
    /// For one target and one bot; `pause` is the first wait between two tries.
    pub fn new(base: &str, token: SecretString, user: &str, pause: Duration) -> Result<Self> {
        let http = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(10))
            .timeout(Duration::from_mins(2))
            .build()
            .map_err(|error| {
                Error::Config(format!(
                    "no TLS for requests to the target: {}",
                    innermost(&error)
                ))
            })?;
        Ok(Self {
            http,
            base: base.into(),
            token: Arc::new(token),
            user: user.into(),
            pause,
        })
    }

    /// The bot's own ID.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.user
    }

    async fn get(&self, path: &str) -> Result<Value> {
        self.request(Method::GET, path, &Body::None, TRIES).await
    }

    async fn post(&self, path: &str, body: &Value) -> Result<Value> {
        self.request(Method::POST, path, &Body::Json(body), TRIES)
            .await
    }

    /// Not repeated: done twice, it would be there twice.
    async fn post_once(&self, path: &str, body: &Value) -> Result<Value> {
        self.request(Method::POST, path, &Body::Json(body), 1).await
    }

    async fn put(&self, path: &str, body: &Value) -> Result<Value> {
        self.request(Method::PUT, path, &Body::Json(body), TRIES)
            .await
    }

    async fn request(
        &self,
        method: Method,
        path: &str,
        body: &Body<'_>,
        tries: u32,
    ) -> Result<Value> {
        let mut attempts = 0;
        loop {
            attempts += 1;
            let failure = match self.attempt(&method, path, body).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            let pause = match failure.class() {
                Class::Retry => self.pause * 2_u32.saturating_pow(attempts - 1),
                Class::RetryAfter(pause) => pause.min(LONGEST_PAUSE),
                Class::Operator | Class::Never => return Err(failure),
            };
            if attempts >= tries {
                return Err(failure);
            }
            tracing::debug!("{failure}; next try in {pause:?}");
            tokio::time::sleep(pause).await;
        }
    }

    async fn attempt(&self, method: &Method, path: &str, body: &Body<'_>) -> Result<Value> {
        let response = with(
            self.http
                .request(method.clone(), format!("{}{path}", self.base)),
            body,
        )
        .query(&[("user_id", &*self.user)])
        .bearer_auth(self.token.expose_secret())
        .send()
        .await
        .map_err(|error| self.unreachable(&error))?;
        let request = || format!("{method} {}", path.split('?').next().unwrap_or(path));
        if !response.status().is_success() {
            return Err(refused(response, request()).await);
        }
        let text = response
            .text()
            .await
            .map_err(|error| self.unreachable(&error))?;
        serde_json::from_str(&text).map_err(|error| Error::Malformed {
            server: SERVER,
            request: request(),
            reason: error.to_string(),
        })
    }

    fn unreachable(&self, error: &reqwest::Error) -> Error {
        Error::Unreachable {
            server: SERVER,
            url: self.base.to_string(),
            reason: innermost(error),
        }
    }
}

/// A path segment, encoded whole.
fn segment(text: &str) -> String {
    utf8_percent_encode(text, SEGMENT).to_string()
}

fn with(request: RequestBuilder, body: &Body<'_>) -> RequestBuilder {
    match body {
        Body::None => request,
        Body::Json(value) => request.json(value),
        Body::Bytes(bytes, kind) => request.header("Content-Type", *kind).body(bytes.to_vec()),
    }
}

async fn refused(response: Response, request: String) -> Error {
    let status = response.status().as_u16();
    let header = response
        .headers()
        .get("Retry-After")
        .and_then(|value| value.to_str().ok()?.parse().ok())
        .map(Duration::from_secs);
    let body: Value = response.json().await.unwrap_or_default();
    let text = |field: &str| body.get(field).and_then(Value::as_str);
    let errcode = text("errcode").unwrap_or("-").to_owned();
    if matches!(errcode.as_str(), "M_UNKNOWN_TOKEN" | "M_MISSING_TOKEN") {
        return Error::Refused {
            server: SERVER,
            errcode,
            remedy: REMEDY,
        };
    }
    Error::Answer {
        server: SERVER,
        request,
        status,
        errcode,
        message: without_tokens(text("error").unwrap_or_default()),
        retry_after: body
            .get("retry_after_ms")
            .and_then(Value::as_u64)
            .map(Duration::from_millis)
            .or(header)
            .filter(|_| status == 429),
    }
}

/// A server's words, shortened. Tuwunel 1.4.6 quotes the address it called, with the `hs_token` in the query.
fn without_tokens(text: &str) -> String {
    const NAME: &str = "access_token=";
    let mut parts = text.split(NAME);
    let mut clean = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        clean.push_str(NAME);
        clean.push('…');
        let is_token = |c: char| c.is_ascii_alphanumeric() || "-._~%+/=".contains(c);
        clean.push_str(part.trim_start_matches(is_token));
    }
    clean.chars().take(500).collect()
}

/// The cause at the bottom: the upper ones only repeat the address.
fn innermost(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    if error.source().is_none() {
        return error
            .to_string()
            .split(" for url")
            .next()
            .unwrap_or_default()
            .to_owned();
    }
    cause.to_string()
}

/// A field of an answer that must be there.
fn text_field(answer: &Value, field: &str, request: &str) -> Result<String> {
    answer
        .get(field)
        .and_then(Value::as_str)
        .map(str::to_owned)
        .ok_or_else(|| Error::Malformed {
            server: SERVER,
            request: request.to_owned(),
            reason: format!("no {field}"),
        })
}

#[cfg(test)]
mod tests;
