//! What the bridge asks the target in an account's own name.

use std::{collections::BTreeMap, time::Duration};

use reqwest::{
    Method,
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue},
};
use ruma::UserId;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json, value::RawValue};

use crate::{
    Error, Result,
    http::{Http, Relayed, Request},
    resident::notary,
    secret::{ExposeSecret, SecretString},
};

const SERVER: &str = "the target";

/// A login takes its server some tenths of a second.
const TIMEOUT: Duration = Duration::from_mins(1);

/// The device of every session that the bridge opens. One account has at most one of them, and whoever logs it in once
/// more can log it out.
pub(super) const DEVICE: &str = "FERRYMAN_LOGIN_BRIDGE";

/// The device's name, in case its user ever sees it.
const DEVICE_NAME: &str = "Ferryman (keeping your password)";

const LOGIN: &str = "/_matrix/client/v3/login";
const PASSWORD: &str = "/_matrix/client/v3/account/password";

/// The target, without any token of ours.
#[derive(Debug, Clone)]
pub(super) struct Target {
    http: Http,
}

/// A session of the bridge's in somebody's account.
pub(super) struct Session {
    pub(super) token: SecretString,
}

#[derive(Deserialize)]
struct LoggedIn {
    access_token: SecretString,
}

/// What a 401 of user-interactive authentication has.
#[derive(Deserialize)]
struct Interactive {
    session: Option<String>,
}

impl Target {
    /// By its base URL.
    pub(super) fn new(url: &str) -> Result<Self> {
        let http = Http::new(SERVER, url, None, "it needs no token for this")?;
        Ok(Self {
            http: http.timeout(TIMEOUT),
        })
    }

    /// A client's own request, as it is.
    pub(super) async fn relay(
        &self,
        method: Method,
        target: &str,
        headers: &HeaderMap,
        body: Vec<u8>,
    ) -> Result<Relayed> {
        self.http.relay(method, target, headers, body).await
    }

    /// Its current public signing keys: ID to unpadded base64.
    pub(super) async fn keys(&self) -> Result<BTreeMap<String, String>> {
        let path = "/_matrix/key/v2/server";
        let object: Box<RawValue> = self.http.send(&Request::get(path)).await?;
        notary::verify_keys(&object).map_err(|error| malformed(&Request::get(path), &error))
    }

    /// Opens the bridge's session with a password; `None` if it is not the account's.
    pub(super) async fn log_in(
        &self,
        user: &UserId,
        password: &SecretString,
    ) -> Result<Option<Session>> {
        let body = json!({
            "type": "m.login.password",
            "identifier": { "type": "m.id.user", "user": user },
            "password": password.expose_secret(),
            "device_id": DEVICE,
            "initial_device_display_name": DEVICE_NAME,
        });
        let answer = self.post(LOGIN, None, &body).await?;
        if answer.status == 403 && answer.errcode().as_deref() == Some("M_FORBIDDEN") {
            return Ok(None);
        }
        let LoggedIn { access_token } = self.read(LOGIN, &answer)?;
        Ok(Some(Session {
            token: access_token,
        }))
    }

    /// Changes the account's password; its other sessions stay.
    ///
    /// A server keeps the first of the two requests, so that has the old password in the new one's place: it changes
    /// nothing, whatever becomes of it.
    pub(super) async fn change_password(
        &self,
        session: &Session,
        user: &UserId,
        old: &SecretString,
        new: &SecretString,
    ) -> Result<()> {
        let mut body = json!({ "new_password": old.expose_secret(), "logout_devices": false });
        let answer = self.post(PASSWORD, Some(session), &body).await?;
        let interactive: Interactive = match answer.status.as_u16() {
            401 => serde_json::from_slice(&answer.body)
                .map_err(|error| malformed(&Request::post(PASSWORD, &Value::Null), &error))?,
            // A server that asks for no more.
            200 => Interactive { session: None },
            _ => return Err(self.unexpected(PASSWORD, &answer)),
        };
        body["new_password"] = json!(new.expose_secret());
        body["auth"] = json!({
            "type": "m.login.password",
            "identifier": { "type": "m.id.user", "user": user },
            "password": old.expose_secret(),
        });
        if let Some(session) = interactive.session {
            body["auth"]["session"] = json!(session);
        }
        let answer = self.post(PASSWORD, Some(session), &body).await?;
        self.read::<Value>(PASSWORD, &answer)?;
        Ok(())
    }

    /// Closes the bridge's session, and its device goes. One that is closed already is no failure.
    pub(super) async fn log_out(&self, session: &Session) -> Result<()> {
        let path = "/_matrix/client/v3/logout";
        let answer = self.post(path, Some(session), &json!({})).await?;
        if answer.status == 401 && answer.errcode().as_deref() == Some("M_UNKNOWN_TOKEN") {
            return Ok(());
        }
        self.read::<Value>(path, &answer)?;
        Ok(())
    }

    async fn post(&self, path: &str, session: Option<&Session>, body: &Value) -> Result<Relayed> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(Session { token }) = session {
            let value = format!("Bearer {}", token.expose_secret());
            let mut value = HeaderValue::try_from(value).map_err(|_| Error::Malformed {
                server: SERVER,
                request: format!("POST {LOGIN}"),
                reason: "an access token with odd characters".to_owned(),
            })?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        let body = body.to_string().into_bytes();
        self.http.relay(Method::POST, path, &headers, body).await
    }

    fn read<T: DeserializeOwned>(&self, path: &str, answer: &Relayed) -> Result<T> {
        if !answer.status.is_success() {
            return Err(self.unexpected(path, answer));
        }
        serde_json::from_slice(&answer.body)
            .map_err(|error| malformed(&Request::post(path, &Value::Null), &error))
    }

    fn unexpected(&self, path: &str, answer: &Relayed) -> Error {
        self.http
            .unexpected(&Request::post(path, &Value::Null), answer)
    }
}

/// The reason is the place alone: a parser's words may quote what it stumbled over, such as a token.
fn malformed(request: &Request, error: &serde_json::Error) -> Error {
    Error::Malformed {
        server: SERVER,
        request: request.to_string(),
        reason: format!("at line {}, column {}", error.line(), error.column()),
    }
}
