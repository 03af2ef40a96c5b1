//! A device of the bot's own: `POST /_matrix/client/v3/login` with `m.login.application_service`, and what becomes of it.

use serde_json::{Value, json};

use super::{Client, SERVER, text_field};
use crate::{
    Error, Result,
    http::{Request, encode},
    secret::SecretString,
};

/// What the device is called in people's lists.
const NAME: &str = "Ferryman";

impl Client {
    /// Logs the bot in on a device of this ID, which is made if it isn't there; the device's token. An older token of it
    /// is void afterwards.
    pub async fn login(&self, device: &str) -> Result<SecretString> {
        let path = "/_matrix/client/v3/login";
        let body = json!({
            "type": "m.login.application_service",
            "identifier": {"type": "m.id.user", "user": self.user()},
            "device_id": device,
            "initial_device_display_name": NAME,
        });
        let answer: Value = match self.ask(Request::post(path, &body)).await {
            Err(Error::Answer {
                status: 400 | 403..=405,
                errcode,
                message,
                ..
            }) => {
                return Err(Error::Target(format!(
                    "the target gives the bot no device, which an encrypted control room needs ({errcode} {message}): let application services log in there, or use a control room without encryption"
                )));
            }
            other => other?,
        };
        let logged_in = text_field(&answer, "device_id", path)?;
        if logged_in != device {
            return Err(Error::Malformed {
                server: SERVER,
                request: format!("POST {path}"),
                reason: format!("the device {logged_in} instead of {device}"),
            });
        }
        text_field(&answer, "access_token", path).map(Into::into)
    }

    /// `GET /_matrix/client/v3/devices/{deviceId}`: whether the bot has this device.
    pub async fn has_device(&self, device: &str) -> Result<bool> {
        let path = format!("/_matrix/client/v3/devices/{}", encode(device));
        Ok(self.find(Request::get(path)).await?.is_some())
    }
}
