//! A stranger's request passed on as it is, and the answer as it comes.

use std::sync::atomic::Ordering;

use reqwest::{
    Method, StatusCode,
    header::{
        ACCEPT_ENCODING, CONNECTION, CONTENT_LENGTH, EXPECT, HOST, HeaderMap, HeaderName,
        PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
    },
};
use serde_json::Value;

use super::{Http, Request};
use crate::{Error, Result};

/// What concerns one connection only (RFC 9110, 7.6.1), and the encoding of an answer that is to be read on its way.
const OF_THE_CONNECTION: [HeaderName; 13] = [
    ACCEPT_ENCODING,
    CONNECTION,
    CONTENT_LENGTH,
    EXPECT,
    HOST,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// An answer of whatever status.
#[derive(Clone)]
pub struct Relayed {
    /// The status.
    pub status: StatusCode,
    /// The headers, without those of the connection.
    pub headers: HeaderMap,
    /// The body's bytes.
    pub body: Vec<u8>,
}

/// The status alone: the body may hold a token.
impl std::fmt::Debug for Relayed {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}", self.status)
    }
}

impl Relayed {
    /// The Matrix error code, if the body has one.
    #[must_use]
    pub fn errcode(&self) -> Option<String> {
        let body: Value = serde_json::from_slice(&self.body).ok()?;
        Some(body.get("errcode")?.as_str()?.to_owned())
    }
}

impl Http {
    /// Sends a request once, without the client's own token: `target` is path and query as they came, the headers are
    /// passed on but for those of the connection.
    ///
    /// Any answer is a success; the error is that there was none.
    pub async fn relay(
        &self,
        method: Method,
        target: &str,
        headers: &HeaderMap,
        body: Vec<u8>,
    ) -> Result<Relayed> {
        let path = target.split('?').next().unwrap_or(target);
        let named = Request::new(method.clone(), path);
        self.requests.fetch_add(1, Ordering::Relaxed);
        let sent = self
            .client
            .request(method, format!("{}{target}", self.base))
            .timeout(self.timeout)
            .headers(without_connection(headers))
            .body(body)
            .send()
            .await;
        let answer = sent.map_err(|error| self.unanswered(&named, error).error)?;
        let (status, headers) = (answer.status(), without_connection(answer.headers()));
        let body = answer.bytes().await;
        let body = body.map_err(|error| self.broken_off(&named, error).error)?;
        Ok(Relayed {
            status,
            headers,
            body: body.to_vec(),
        })
    }

    /// The error of an answer that was not expected.
    pub fn unexpected(&self, request: &Request, answer: &Relayed) -> Error {
        self.refused(request, answer.status, &answer.headers, &answer.body)
            .error
    }
}

fn without_connection(headers: &HeaderMap) -> HeaderMap {
    let mut rest = headers.clone();
    // Source: RFC 9110, 7.6.1.
    let listed = headers.get_all(CONNECTION).iter();
    for name in listed
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
    {
        if let Ok(name) = HeaderName::try_from(name.trim()) {
            rest.remove(name);
        }
    }
    for name in OF_THE_CONNECTION {
        rest.remove(name);
    }
    rest
}

#[cfg(test)]
mod tests {
    use wiremock::{Mock, MockServer, ResponseTemplate, matchers};

    use super::*;

    #[test]
    fn what_the_connection_lists_stays_with_it() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("connection", "X-Hop, close"),
            ("connection", "x-other"),
            ("x-hop", "1"),
            ("x-other", "1"),
            ("proxy-connection", "keep-alive"),
            ("x-own", "1"),
        ] {
            headers.append(name, value.parse().unwrap());
        }
        let rest = without_connection(&headers);
        assert_eq!(
            rest.keys().map(HeaderName::as_str).collect::<Vec<_>>(),
            ["x-own"]
        );
    }

    #[tokio::test]
    async fn everything_but_the_connections_headers_is_passed_on_both_ways() {
        let server = MockServer::start().await;
        Mock::given(matchers::method("POST"))
            .and(matchers::path("/_matrix/client/v3/login"))
            .and(matchers::query_param("a", "b c"))
            .and(matchers::header("authorization", "Bearer theirs"))
            .and(matchers::body_string("{ \"odd\" :1}"))
            .respond_with(
                ResponseTemplate::new(403)
                    .insert_header("x-own", "kept")
                    .set_body_string("{\"errcode\": \"M_FORBIDDEN\"}"),
            )
            .mount(&server)
            .await;
        let http = Http::new("the target", &server.uri(), Some("ours".into()), "").unwrap();
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("authorization", "Bearer theirs"),
            ("accept-encoding", "br"),
            ("connection", "close"),
            ("host", "elsewhere"),
        ] {
            headers.insert(name, value.parse().unwrap());
        }
        let answer = http
            .relay(
                Method::POST,
                "/_matrix/client/v3/login?a=b%20c",
                &headers,
                b"{ \"odd\" :1}".to_vec(),
            )
            .await
            .unwrap();
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
        assert_eq!(answer.errcode().as_deref(), Some("M_FORBIDDEN"));
        assert_eq!(answer.headers["x-own"], "kept");
        let got = &server.received_requests().await.unwrap()[0];
        assert!(!got.headers.contains_key("accept-encoding"));
        assert_ne!(got.headers["host"], "elsewhere");
    }
}
