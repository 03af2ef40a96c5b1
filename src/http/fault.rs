//! Failed requests as this crate's errors.

use std::time::Duration;

use reqwest::{
    StatusCode,
    header::{HeaderMap, RETRY_AFTER},
};
use serde::Deserialize;

use super::{
    Http, Request,
    request::Authorization,
    words::{innermost, words},
};
use crate::Error;

/// A failed try.
pub(super) struct Fault {
    /// For the caller.
    pub(super) error: Error,
    /// Nothing is there that could have answered, or only a proxy in its place.
    pub(super) absent: bool,
}

/// A Matrix error body.
#[derive(Deserialize, Default)]
struct Body {
    errcode: Option<String>,
    error: Option<String>,
    retry_after_ms: Option<u64>,
}

impl Http {
    /// No connection, or none that lasted until an answer began.
    pub(super) fn unanswered(&self, request: &Request, error: reqwest::Error) -> Fault {
        Fault {
            absent: error.is_connect() || !error.is_timeout(),
            error: self.unreachable(request, error),
        }
    }

    /// An answer that broke off.
    pub(super) fn broken_off(&self, request: &Request, error: reqwest::Error) -> Fault {
        Fault {
            absent: false,
            error: self.unreachable(request, error),
        }
    }

    fn unreachable(&self, request: &Request, error: reqwest::Error) -> Error {
        let error = error.without_url();
        // The server is there: one request that takes too long must not end what others do.
        if error.is_timeout() && !error.is_connect() {
            return Error::Slow {
                server: self.server,
                request: request.to_string(),
                seconds: self.timeout.as_secs(),
            };
        }
        Error::Unreachable {
            server: self.server,
            url: self.base.clone(),
            reason: if error.is_timeout() {
                "no answer in time".to_owned()
            } else {
                innermost(&error)
            },
        }
    }

    /// An answer of another shape than the expected one.
    pub(super) fn malformed(&self, request: &Request, error: &serde_json::Error) -> Fault {
        Fault {
            absent: false,
            error: Error::Malformed {
                server: self.server,
                request: request.to_string(),
                // It may quote what it stumbled over.
                reason: words(&error.to_string()),
            },
        }
    }

    /// An answer that is not a success.
    pub(super) fn refused(
        &self,
        request: &Request,
        status: StatusCode,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Fault {
        let body: Body = serde_json::from_slice(body).unwrap_or_default();
        let proxys = matches!(status.as_u16(), 502 | 503) && body.errcode.is_none();
        let errcode = words(body.errcode.as_deref().unwrap_or("-"));
        let error = match self.remedy(request, status, &errcode) {
            Some(remedy) => Error::Refused {
                server: self.server,
                errcode,
                remedy,
            },
            None => Error::Answer {
                server: self.server,
                request: request.to_string(),
                status: status.as_u16(),
                errcode,
                message: words(&body.error.unwrap_or_default()),
                retry_after: body
                    .retry_after_ms
                    .map(Duration::from_millis)
                    .or_else(|| in_header(headers))
                    .filter(|_| status == StatusCode::TOO_MANY_REQUESTS),
            },
        };
        Fault {
            error,
            absent: proxys,
        }
    }

    /// What the operator does, if it is the token that the server doesn't like.
    fn remedy(&self, request: &Request, status: StatusCode, errcode: &str) -> Option<&'static str> {
        if !matches!(request.authorization, Authorization::Token) {
            return None;
        }
        if status == StatusCode::UNAUTHORIZED
            || matches!(errcode, "M_UNKNOWN_TOKEN" | "M_MISSING_TOKEN")
        {
            return Some(self.remedy);
        }
        self.admins
            .filter(|(path, _)| status == StatusCode::FORBIDDEN && request.path.starts_with(path))
            .map(|(_, remedy)| remedy)
    }
}

/// The waiting time of a `Retry-After` header in seconds.
fn in_header(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}
