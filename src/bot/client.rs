//! The bot's requests to the target: always as the bot, with the registration's token.

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{
    Error, Result,
    http::{Http, Request},
    secret::SecretString,
};

mod account;
mod device;
mod media;
mod messages;
mod ping;
mod rooms;

/// How the target is called in errors.
const SERVER: &str = "the target";

/// For a target that doesn't know the token.
const REMEDY: &str = "hand it the file `ferryman.yaml` (`ferryman registration` says how), with the tokens that are in it";

/// An upload counts as one request.
const TIMEOUT: Duration = Duration::from_mins(2);

/// A client that acts as the bot. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    http: Http,
    user: String,
}

impl Client {
    /// For one target and one bot; `pause` is the first wait between two tries.
    pub fn new(base: &str, token: SecretString, user: &str, pause: Duration) -> Result<Self> {
        let http = Http::new(SERVER, base, Some(token), REMEDY)?;
        Ok(Self {
            http: http.timeout(TIMEOUT).pause(pause),
            user: user.to_owned(),
        })
    }

    /// For somebody who wants to know now: a target that goes away is not waited for.
    #[must_use]
    pub fn hurried(&self) -> Self {
        Self {
            http: self.http.clone().hurried(),
            user: self.user.clone(),
        }
    }

    /// The bot's own ID.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.user
    }

    async fn ask<T: DeserializeOwned>(&self, request: Request) -> Result<T> {
        self.http.send(&self.as_bot(request)).await
    }

    /// `None` where the target says that there is nothing of the kind.
    async fn find(&self, request: Request) -> Result<Option<Value>> {
        self.http.find_known(&self.as_bot(request)).await
    }

    fn as_bot(&self, request: Request) -> Request {
        request.query("user_id", &self.user)
    }
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
