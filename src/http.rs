//! JSON requests to a Matrix server: retries, waiting times and errors in one place.

use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Method, StatusCode, header::AUTHORIZATION};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{Error, Result, error::Class};

/// Everything but RFC 3986's unreserved characters: a user ID may hold `/`, `=` or `+`.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Tries of a request that fails in passing.
const ATTEMPTS: u32 = 5;
/// The longest pause between two tries, whatever the server asks for.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// A join of a big room counts as one request.
const TIMEOUT: Duration = Duration::from_secs(600);

/// A path segment or query value, percent-encoded whole.
#[must_use]
pub fn encode(text: &str) -> String {
    utf8_percent_encode(text, SEGMENT).to_string()
}

/// One server, and who we are there.
#[derive(Debug, Clone)]
pub struct Http {
    client: reqwest::Client,
    base: String,
    server: &'static str,
    token: Option<SecretString>,
    remedy: &'static str,
}

/// One request. `path` begins with `/`, its segments already encoded.
#[derive(Debug, Clone)]
pub struct Request {
    method: Method,
    path: String,
    query: Vec<(&'static str, String)>,
    body: Option<String>,
    authorization: Option<String>,
    attempts: u32,
}

impl Request {
    /// A request without a body.
    #[must_use]
    pub fn new(method: Method, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            query: Vec::new(),
            body: None,
            authorization: None,
            attempts: ATTEMPTS,
        }
    }

    /// `GET`.
    #[must_use]
    pub fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path)
    }

    /// `PUT` with a JSON body.
    #[must_use]
    pub fn put(path: impl Into<String>, body: &Value) -> Self {
        Self::new(Method::PUT, path).text(body.to_string())
    }

    /// `POST` with a JSON body.
    #[must_use]
    pub fn post(path: impl Into<String>, body: &Value) -> Self {
        Self::new(Method::POST, path).text(body.to_string())
    }

    /// A body that is JSON text already.
    #[must_use]
    pub fn text(mut self, body: String) -> Self {
        self.body = Some(body);
        self
    }

    /// A query parameter, not encoded yet.
    #[must_use]
    pub fn query(mut self, name: &'static str, value: impl ToString) -> Self {
        self.query.push((name, value.to_string()));
        self
    }

    /// Another `Authorization` than the server's token: X-Matrix.
    #[must_use]
    pub fn authorization(mut self, value: String) -> Self {
        self.authorization = Some(value);
        self
    }

    /// One try only: the caller looks at the outcome itself.
    #[must_use]
    pub fn once(mut self) -> Self {
        self.attempts = 1;
        self
    }

    fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}

/// A Matrix error body.
#[derive(Deserialize, Default)]
struct ErrorBody {
    #[serde(default)]
    errcode: String,
    #[serde(default)]
    error: String,
    retry_after_ms: Option<u64>,
}

impl Http {
    /// A server by its base URL; `remedy` is what the operator does when it refuses the token.
    pub fn new(
        server: &'static str,
        base: &str,
        token: Option<SecretString>,
        remedy: &'static str,
    ) -> Result<Self> {
        let mut client = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .connect_timeout(Duration::from_secs(10))
            // A redirect would carry the token to whoever it names.
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("ferryman/", env!("CARGO_PKG_VERSION")));
        if is_loopback(base) {
            client = client.no_proxy();
        }
        let client = client
            .build()
            .map_err(|error| Error::Config(format!("no HTTP client can be made: {error}")))?;
        Ok(Self {
            client,
            base: base.trim_end_matches('/').to_owned(),
            server,
            token,
            remedy,
        })
    }

    /// The same, but with any certificate: only for asking ourselves.
    pub fn trusting_any_certificate(mut self) -> Result<Self> {
        self.client = reqwest::Client::builder()
            .timeout(Duration::from_secs(5))
            .danger_accept_invalid_certs(true)
            .no_proxy()
            .build()
            .map_err(|error| Error::Config(format!("no HTTP client can be made: {error}")))?;
        Ok(self)
    }

    /// The base URL.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Sends a request, again after passing faults, and reads the JSON answer.
    pub async fn send<T: DeserializeOwned>(&self, request: &Request) -> Result<T> {
        let mut attempt = 1;
        loop {
            let error = match self.once(request).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let pause = match error.class() {
                Class::Retry => Duration::from_millis(200) * 2_u32.saturating_pow(attempt),
                Class::RetryAfter(pause) => pause,
                Class::Operator | Class::Never => return Err(error),
            };
            if attempt >= request.attempts {
                return Err(error);
            }
            tracing::debug!(request = request.name(), attempt, %error, "trying again");
            tokio::time::sleep(pause.min(LONGEST_PAUSE)).await;
            attempt += 1;
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

    async fn once<T: DeserializeOwned>(&self, request: &Request) -> Result<T> {
        let mut builder = self
            .client
            .request(
                request.method.clone(),
                format!("{}{}", self.base, request.path),
            )
            .query(&request.query);
        if let Some(value) = &request.authorization {
            builder = builder.header(AUTHORIZATION, value);
        } else if let Some(token) = &self.token {
            builder = builder.bearer_auth(token.expose_secret());
        }
        if let Some(body) = &request.body {
            builder = builder
                .header("content-type", "application/json")
                .body(body.clone());
        }
        let unreachable = |error: reqwest::Error| Error::Unreachable {
            server: self.server,
            url: self.base.clone(),
            reason: innermost(&error),
        };
        let answer = builder.send().await.map_err(unreachable)?;
        let status = answer.status();
        let bytes = answer.bytes().await.map_err(unreachable)?;
        if status.is_success() {
            return serde_json::from_slice(&bytes).map_err(|error| Error::Malformed {
                server: self.server,
                request: request.name(),
                reason: error.to_string(),
            });
        }
        Err(self.failure(request, status, &bytes))
    }

    fn failure(&self, request: &Request, status: StatusCode, bytes: &[u8]) -> Error {
        let body: ErrorBody = serde_json::from_slice(bytes).unwrap_or_default();
        if request.authorization.is_none()
            && (status == StatusCode::UNAUTHORIZED || body.errcode == "M_UNKNOWN_TOKEN")
        {
            return Error::Refused {
                server: self.server,
                errcode: body.errcode,
                remedy: self.remedy,
            };
        }
        Error::Answer {
            server: self.server,
            request: request.name(),
            status: status.as_u16(),
            errcode: if body.errcode.is_empty() {
                "-".to_owned()
            } else {
                body.errcode
            },
            message: body.error,
            retry_after: body.retry_after_ms.map(Duration::from_millis),
        }
    }
}

/// A server on this machine is never asked through a proxy.
fn is_loopback(base: &str) -> bool {
    let host = reqwest::Url::parse(base)
        .ok()
        .and_then(|url| url.host_str().map(str::to_owned))
        .unwrap_or_default();
    host == "localhost"
        || host
            .trim_matches(['[', ']'])
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// The cause that says most: "connection refused" rather than "error sending request".
fn innermost(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use wiremock::{Mock, MockServer, ResponseTemplate, matchers};

    use super::*;

    #[test]
    fn segments_are_encoded_whole() {
        assert_eq!(
            encode("@odd.name_=x/y-z+1:h"),
            "%40odd.name_%3Dx%2Fy-z%2B1%3Ah"
        );
    }

    #[tokio::test]
    async fn waits_and_tries_again_after_429() {
        let server = MockServer::start().await;
        Mock::given(matchers::path("/a"))
            .respond_with(ResponseTemplate::new(429).set_body_json(
                serde_json::json!({"errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": 1}),
            ))
            .up_to_n_times(2)
            .mount(&server)
            .await;
        Mock::given(matchers::path("/a"))
            .respond_with(ResponseTemplate::new(200).set_body_json(serde_json::json!({"ok": 1})))
            .mount(&server)
            .await;
        let http = Http::new("Synapse", &server.uri(), None, "").unwrap();
        let answer: Value = http.send(&Request::get("/a")).await.unwrap();
        assert_eq!(answer["ok"], 1);
        assert_eq!(server.received_requests().await.unwrap().len(), 3);
    }

    #[tokio::test]
    async fn failures_have_their_sentence() {
        let server = MockServer::start().await;
        Mock::given(matchers::path("/token"))
            .respond_with(
                ResponseTemplate::new(401)
                    .set_body_json(serde_json::json!({"errcode": "M_UNKNOWN_TOKEN"})),
            )
            .mount(&server)
            .await;
        Mock::given(matchers::path("/html"))
            .respond_with(ResponseTemplate::new(200).set_body_string("<html>"))
            .mount(&server)
            .await;
        let http = Http::new(
            "Synapse",
            &server.uri(),
            Some("t0ken".to_owned().into()),
            "give an admin's token",
        )
        .unwrap();
        let refused = http
            .send::<Value>(&Request::get("/token"))
            .await
            .unwrap_err();
        assert_eq!(
            refused.to_string(),
            "Synapse refuses the token (M_UNKNOWN_TOKEN): give an admin's token"
        );
        let malformed = http
            .send::<Value>(&Request::get("/html"))
            .await
            .unwrap_err();
        assert_eq!(
            malformed.to_string(),
            "Synapse gave an answer to GET /html that can't be read (expected value at line 1 column 1): is this address really Synapse?"
        );
        assert!(
            http.find::<Value>(&Request::get("/nothing"))
                .await
                .unwrap()
                .is_none()
        );
        assert!(!format!("{http:?}").contains("t0ken"));

        let nobody = Http::new("Tuwunel", "http://127.0.0.1:9", None, "").unwrap();
        let unreachable = nobody
            .send::<Value>(&Request::get("/").once())
            .await
            .unwrap_err();
        assert_eq!(
            unreachable.to_string(),
            "Tuwunel at http://127.0.0.1:9 does not answer (Connection refused (os error 111)): check the address and that the server runs"
        );
    }
}
