//! Who the bot is, and what the target is.

use serde_json::{Value, json};

use super::{Client, SERVER, text_field};
use crate::{
    Error, Result,
    http::{Request, encode},
    secret::{ExposeSecret, random_token},
};

impl Client {
    /// `GET /_matrix/client/versions`: is there a Matrix server at all?
    pub async fn versions(&self) -> Result<()> {
        let request = "/_matrix/client/versions";
        let answer = match self
            .ask::<Value>(Request::get(request).without_token())
            .await
        {
            // Something answers, but it is no homeserver.
            Err(Error::Answer { status, .. }) if matches!(status, 400..=428) => {
                return Err(Error::Malformed {
                    server: SERVER,
                    request: format!("GET {request}"),
                    reason: format!("status {status}"),
                });
            }
            other => other?,
        };
        match answer.get("versions") {
            Some(Value::Array(_)) => Ok(()),
            _ => text_field(&answer, "versions", request).map(drop),
        }
    }

    /// `GET /_matrix/federation/v1/version`: name and version, as far as the target tells.
    pub async fn software(&self) -> Option<String> {
        for path in ["/_matrix/federation/v1/version", "/_tuwunel/server_version"] {
            if let Ok(answer) = self.ask::<Value>(Request::get(path)).await {
                let server = answer
                    .get("server")
                    .filter(|it| it.is_object())
                    .unwrap_or(&answer);
                let name = server.get("name").and_then(Value::as_str)?;
                let version = server
                    .get("version")
                    .and_then(Value::as_str)
                    .unwrap_or_default();
                return Some(format!("{name} {version}").trim_end().to_owned());
            }
        }
        None
    }

    /// `POST /_matrix/client/v3/register`: makes the bot's account, if it isn't there.
    pub async fn register(&self, localpart: &str) -> Result<()> {
        let body = json!({
            "type": "m.login.application_service",
            "username": localpart,
            // Without a password Tuwunel takes an account for a closed one.
            "password": random_token().expose_secret(),
            "inhibit_login": true,
        });
        let request = Request::post("/_matrix/client/v3/register", &body);
        match self.ask::<Value>(request).await {
            Err(Error::Answer { errcode, .. }) if errcode == "M_USER_IN_USE" => Ok(()),
            other => other.map(drop),
        }
    }

    /// `GET /_matrix/client/v3/account/whoami`.
    pub async fn whoami(&self) -> Result<String> {
        let request = "/_matrix/client/v3/account/whoami";
        text_field(&self.ask(Request::get(request)).await?, "user_id", request)
    }

    /// `GET /_matrix/client/v3/profile/{userId}`: whether an account exists.
    pub async fn exists(&self, user: &str) -> Result<bool> {
        let path = format!("/_matrix/client/v3/profile/{}", encode(user));
        Ok(self.find(Request::get(path)).await?.is_some())
    }
}
