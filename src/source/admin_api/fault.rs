//! Synapse's failures as this crate's errors.

use std::time::Duration;

use reqwest::{
    StatusCode,
    header::{HeaderMap, RETRY_AFTER},
};
use serde::Deserialize;

use super::{SERVER, request::Request};
use crate::Error;

/// Characters of a server's own words that a message repeats.
const LONGEST_MESSAGE: usize = 300;

/// The body of a Matrix error.
#[derive(Default, Deserialize)]
struct Body {
    errcode: Option<String>,
    error: Option<String>,
    retry_after_ms: Option<u64>,
}

/// No connection, or none that lasted.
pub(super) fn unreachable(url: &str, error: reqwest::Error) -> Error {
    // The outer error repeats the URL; the innermost one says what happened.
    let error = error.without_url();
    let reason = if error.is_timeout() {
        "no answer in time".to_owned()
    } else {
        let mut innermost: &dyn std::error::Error = &error;
        while let Some(source) = innermost.source() {
            innermost = source;
        }
        innermost.to_string()
    };
    Error::Unreachable {
        server: SERVER,
        url: url.to_owned(),
        reason,
    }
}

/// The waiting time of a `Retry-After` header in seconds.
pub(super) fn retry_after_header(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// An answer that is not a success.
pub(super) fn answer(
    request: &Request<'_>,
    status: StatusCode,
    header: Option<Duration>,
    body: &[u8],
) -> Error {
    let body: Body = serde_json::from_slice(body).unwrap_or_default();
    let refused = |remedy| Error::Refused {
        server: SERVER,
        errcode: body.errcode.clone().unwrap_or_else(|| "-".into()),
        remedy,
    };
    match status {
        StatusCode::UNAUTHORIZED => {
            refused("give the access token of a server admin as synapse.admin_token")
        }
        StatusCode::FORBIDDEN if request.is_for_admins() => refused(
            "its user is not a server admin; give the access token of one as synapse.admin_token",
        ),
        status => Error::Answer {
            server: SERVER,
            request: request.to_string(),
            status: status.as_u16(),
            errcode: body.errcode.unwrap_or_else(|| "-".into()),
            message: body
                .error
                .unwrap_or_default()
                .chars()
                .take(LONGEST_MESSAGE)
                .collect(),
            retry_after: body.retry_after_ms.map(Duration::from_millis).or(header),
        },
    }
}
