//! One request: method, path with every segment encoded whole, query, body.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Method;
use serde_json::Value;

use crate::secret::{ExposeSecret, SecretString};

/// All but the characters that mean nothing in a URL.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A request that has not been sent.
pub(super) struct Request<'a> {
    method: Method,
    path: String,
    query: Vec<(&'a str, String)>,
    body: Option<Value>,
    with_token: bool,
}

impl<'a> Request<'a> {
    /// `GET` with the token. Segments are encoded; a localpart may hold a slash.
    pub(super) fn get(segments: &[&str]) -> Self {
        let mut path = String::new();
        for segment in segments {
            path.push('/');
            path.extend(utf8_percent_encode(segment, SEGMENT));
        }
        Self {
            method: Method::GET,
            path,
            query: Vec::new(),
            body: None,
            with_token: true,
        }
    }

    /// `POST` of a JSON body.
    pub(super) fn post(segments: &[&str], body: Value) -> Self {
        Self {
            method: Method::POST,
            body: Some(body),
            ..Self::get(segments)
        }
    }

    /// For the endpoints that anybody may ask.
    pub(super) fn without_token(mut self) -> Self {
        self.with_token = false;
        self
    }

    /// With one more query parameter.
    pub(super) fn query(mut self, name: &'a str, value: impl Into<String>) -> Self {
        self.query.push((name, value.into()));
        self
    }

    /// Whether only a server admin may ask this.
    pub(super) fn is_for_admins(&self) -> bool {
        self.path.starts_with("/_synapse/admin/")
    }

    /// The same, for sending.
    pub(super) fn build(
        &self,
        http: &reqwest::Client,
        base: &str,
        token: &SecretString,
    ) -> reqwest::RequestBuilder {
        let mut request = http
            .request(self.method.clone(), format!("{base}{}", self.path))
            .query(&self.query);
        if self.with_token {
            request = request.bearer_auth(token.expose_secret());
        }
        match &self.body {
            Some(body) => request.json(body),
            None => request,
        }
    }
}

/// Method and path, without the query.
impl fmt::Display for Request<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.method, self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_are_encoded_whole() {
        let request = Request::get(&["_synapse", "admin", "v2", "users", "@a/b?ü:example.org"]);
        assert_eq!(
            request.to_string(),
            "GET /_synapse/admin/v2/users/%40a%2Fb%3F%C3%BC%3Aexample.org"
        );
        assert!(request.is_for_admins());
    }
}
