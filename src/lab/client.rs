//! A small Matrix client for filling and for looking: requests, login, media.

mod account;
mod room;

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use reqwest::Method;
use serde_json::{Value, json};

use super::{LabError, Result, path::path};
use crate::secret::{ExposeSecret, SecretString};

/// What the device of a [`Client::login`] is called.
pub const DEVICE_NAME: &str = "Ferryman's lab";

/// One user's session, or nobody's. Clones share the connections and the counter of transactions.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    user_id: String,
    device_id: Option<String>,
    token: Option<SecretString>,
    transactions: Arc<AtomicU64>,
}

impl Client {
    /// Nobody yet: for logging in and for what needs no token.
    pub fn anonymous(base: &str) -> Self {
        Self {
            http: reqwest::Client::new(),
            base: base.trim_end_matches('/').to_owned(),
            user_id: String::new(),
            device_id: None,
            token: None,
            transactions: Arc::default(),
        }
    }

    /// Somebody whose token is known.
    #[must_use]
    pub fn with_token(&self, user_id: &str, token: &str) -> Self {
        Self {
            http: self.http.clone(),
            base: self.base.clone(),
            user_id: user_id.to_owned(),
            device_id: None,
            token: Some(token.to_owned().into()),
            transactions: Arc::default(),
        }
    }

    /// Logs somebody in by password, on a new device that is called [`DEVICE_NAME`].
    pub async fn login(&self, user: &str, password: &str) -> Result<Self> {
        let device = json!({ "initial_device_display_name": DEVICE_NAME });
        self.login_on(user, password, &device).await
    }

    /// Logs somebody in by password; `device` has the log-in's own fields of a device, or none.
    pub async fn login_on(&self, user: &str, password: &str, device: &Value) -> Result<Self> {
        let mut body = json!({
            "type": "m.login.password",
            "identifier": { "type": "m.id.user", "user": user },
            "password": password,
        });
        for (name, value) in device.as_object().into_iter().flatten() {
            body[name] = value.clone();
        }
        self.session(&self.post("/_matrix/client/v3/login", &body).await?)
    }

    /// The session in an answer to a login or a registration.
    pub fn session(&self, answer: &Value) -> Result<Self> {
        let user_id = field(answer, "a login", "user_id")?;
        let token = field(answer, "a login", "access_token")?;
        let mut session = self.with_token(&user_id, &token);
        session.device_id = answer["device_id"].as_str().map(str::to_owned);
        Ok(session)
    }

    /// Whose session it is; empty for nobody's.
    pub fn user_id(&self) -> &str {
        &self.user_id
    }

    /// The session's device; unknown for one that was begun with a token.
    pub fn device_id(&self) -> Option<&str> {
        self.device_id.as_deref()
    }

    /// The access token, if there is one.
    pub fn token(&self) -> Option<&SecretString> {
        self.token.as_ref()
    }

    /// Any request; `path` is what stands behind the base URL, encoded already.
    pub async fn request(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value> {
        let mut request = self.http.request(method.clone(), self.url(path));
        if let Some(body) = body {
            request = request.json(body);
        }
        self.answer(&method, path, request).await
    }

    /// `GET`.
    pub async fn get(&self, path: &str) -> Result<Value> {
        self.request(Method::GET, path, None).await
    }

    /// `PUT`.
    pub async fn put(&self, path: &str, body: &Value) -> Result<Value> {
        self.request(Method::PUT, path, Some(body)).await
    }

    /// `POST`.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value> {
        self.request(Method::POST, path, Some(body)).await
    }

    /// Uploads a file and gives its `mxc://` URI.
    pub async fn upload(&self, name: Option<&str>, kind: &str, content: &[u8]) -> Result<String> {
        let path = "/_matrix/media/v3/upload";
        let request = self
            .http
            .post(self.url(path))
            .query(&name.map(|name| [("filename", name)]))
            .header("content-type", kind)
            // Left out of itself where there is nothing, and Synapse wants it.
            .header("content-length", content.len())
            .body(content.to_owned());
        let answer = self.answer(&Method::POST, path, request).await?;
        field(&answer, "an upload", "content_uri")
    }

    /// A file's type and bytes, by its `mxc://` URI.
    pub async fn download(&self, uri: &str) -> Result<(Option<String>, Vec<u8>)> {
        let path = uri.trim_start_matches("mxc://");
        let path = format!("/_matrix/client/v1/media/download/{path}");
        let mut request = self.http.get(self.url(&path));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token.expose_secret());
        }
        let unanswered = |source: reqwest::Error| LabError::Unanswered {
            request: format!("GET {path}"),
            source: source.without_url(),
        };
        let response = request.send().await.map_err(unanswered)?;
        let status = response.status();
        let kind = response.headers().get("content-type");
        let kind = kind.and_then(|kind| Some(kind.to_str().ok()?.to_owned()));
        let content = response.bytes().await.map_err(unanswered)?;
        if status.is_success() {
            Ok((kind, content.into()))
        } else {
            Err(LabError::Answer {
                request: format!("GET {path}"),
                status: status.as_u16(),
                body: serde_json::from_slice(&content).unwrap_or_default(),
            })
        }
    }

    /// A transaction ID: the same ones in the same order in every run.
    fn transaction(&self) -> String {
        format!("lab{}", self.transactions.fetch_add(1, Ordering::Relaxed))
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    async fn answer(
        &self,
        method: &Method,
        path: &str,
        mut request: reqwest::RequestBuilder,
    ) -> Result<Value> {
        if let Some(token) = &self.token {
            request = request.bearer_auth(token.expose_secret());
        }
        // Without the query, which may hold tokens.
        let name = || format!("{method} {}", path.split('?').next().unwrap_or(path));
        let unanswered = |source: reqwest::Error| LabError::Unanswered {
            request: name(),
            source: source.without_url(),
        };
        let response = request.send().await.map_err(unanswered)?;
        let status = response.status();
        let text = response.text().await.map_err(unanswered)?;
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        if status.is_success() {
            Ok(body)
        } else {
            Err(LabError::Answer {
                request: name(),
                status: status.as_u16(),
                body,
            })
        }
    }
}

/// A path of the Client-Server API.
#[must_use]
pub fn v3(segments: &[&str]) -> String {
    path("/_matrix/client/v3", segments)
}

/// A text of an answer.
pub(super) fn field(answer: &Value, request: &str, field: &'static str) -> Result<String> {
    answer[field]
        .as_str()
        .map(str::to_owned)
        .ok_or_else(|| LabError::Missing {
            request: request.to_owned(),
            field,
            body: answer.clone(),
        })
}
