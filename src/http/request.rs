//! One request: method, path with every segment encoded whole, query, body, and whose it is.

use std::fmt::{self, Display};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Method;
use serde_json::Value;

use crate::secret::SecretString;

/// Everything but RFC 3986's unreserved characters: a user ID may hold `/`, `=` or `+`.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A path segment or query value, percent-encoded whole.
#[must_use]
pub fn encode(text: &str) -> String {
    utf8_percent_encode(text, SEGMENT).to_string()
}

/// Who sends a request.
#[derive(Clone)]
pub(super) enum Authorization {
    /// Whoever the client's token belongs to.
    Token,
    /// Whoever this token belongs to; the operator didn't give it.
    Other(SecretString),
    /// Nobody: anybody may ask.
    Nobody,
    /// Whoever this header proves: X-Matrix.
    Header(String),
}

/// One request. `path` begins with `/`, its segments already encoded, without a query.
#[derive(Clone)]
pub struct Request {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) query: Vec<(&'static str, String)>,
    /// The bytes and their type.
    pub(super) body: Option<(Vec<u8>, &'static str)>,
    pub(super) authorization: Authorization,
    /// The most tries, whatever the client's patience.
    pub(super) limit: u32,
}

/// Method and path alone: the rest may hold a password or a signature.
impl std::fmt::Debug for Request {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} {}", self.method, self.path)
    }
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
            authorization: Authorization::Token,
            limit: u32::MAX,
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
    pub fn text(self, body: String) -> Self {
        self.bytes(body.into_bytes(), "application/json")
    }

    /// A body of any type.
    #[must_use]
    pub fn bytes(mut self, body: Vec<u8>, kind: &'static str) -> Self {
        self.body = Some((body, kind));
        self
    }

    /// A query parameter, not encoded yet.
    #[must_use]
    pub fn query(mut self, name: &'static str, value: &(impl Display + ?Sized)) -> Self {
        self.query.push((name, value.to_string()));
        self
    }

    /// Another `Authorization` than the client's token: X-Matrix.
    #[must_use]
    pub fn authorization(mut self, value: String) -> Self {
        self.authorization = Authorization::Header(value);
        self
    }

    /// With another token than the client's. That it is refused is an answer like others, nothing for the operator.
    #[must_use]
    pub fn with_token(mut self, token: &SecretString) -> Self {
        self.authorization = Authorization::Other(token.clone());
        self
    }

    /// For what anybody may ask.
    #[must_use]
    pub fn without_token(mut self) -> Self {
        self.authorization = Authorization::Nobody;
        self
    }

    /// No more tries than these.
    #[must_use]
    pub fn at_most(mut self, tries: u32) -> Self {
        self.limit = tries;
        self
    }

    /// One try only: the caller looks at the outcome itself, or done twice it would be there twice.
    #[must_use]
    pub fn once(self) -> Self {
        self.at_most(1)
    }
}

/// Method and path, without the query, which may hold tokens.
impl Display for Request {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.method, self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_are_encoded_whole() {
        assert_eq!(
            encode("@odd.name_=x/y-z+1:h"),
            "%40odd.name_%3Dx%2Fy-z%2B1%3Ah"
        );
        let path = format!("/_synapse/admin/v2/users/{}", encode("@a/b?ü:example.org"));
        let request = Request::get(path).query("access_token", "x");
        assert_eq!(
            request.to_string(),
            "GET /_synapse/admin/v2/users/%40a%2Fb%3F%C3%BC%3Aexample.org"
        );
    }
}
