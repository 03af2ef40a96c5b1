//! `bot-keys delete-device`: the device whose keys a new bot can't use any more.

use reqwest::Method;
use ruma::UserId;
use serde::Deserialize;
use serde_json::{Value, json};

use super::account::Account;
use crate::{
    Error, Result,
    http::{Request, encode},
    secret::{ExposeSecret, SecretString},
};

/// A device, as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Device {
    /// Its ID.
    pub device_id: String,
    /// How it calls itself.
    pub display_name: Option<String>,
    /// When it was last seen, in milliseconds since the Unix epoch.
    pub last_seen_ts: Option<u64>,
}

impl Account {
    /// A device of the bot's, if the homeserver knows it.
    pub async fn device(&self, id: &str) -> Result<Option<Device>> {
        self.find(Request::get(path(id))).await
    }

    /// An error if the token is that device's own: it would end with it.
    pub fn check_old(&self, id: &str) -> Result<()> {
        if self.device.as_deref() == Some(id) {
            return Err(Error::Usage(format!(
                "the access token belongs to the device {id} itself: log the new bot in, and give its token"
            )));
        }
        Ok(())
    }

    /// Deletes a device; the homeserver asks for the account's password (spec: "User-Interactive Authentication API").
    pub async fn delete_device(&self, id: &str, password: &SecretString) -> Result<()> {
        let body = json!({"auth": {
            "type": "m.login.password",
            "identifier": {"type": "m.id.user", "user": self.user},
            "password": password.expose_secret(),
        }});
        let request = Request::new(Method::DELETE, path(id)).text(body.to_string());
        match self.ask::<Value>(request).await {
            Ok(_) => self.is_gone(id).await,
            Err(error) => Err(match error {
                // Synapse has an error code for it, and others only the ways that are open.
                Error::Refused { errcode, .. } if !errcode.ends_with("_TOKEN") => self.wrong(),
                error => error,
            }),
        }
    }

    fn wrong(&self) -> Error {
        Error::Usage(format!(
            "the homeserver doesn't take that password for {}: give the account's own; an account without one deletes the device in a client, or an admin does",
            self.user
        ))
    }

    /// An error if the device is there all the same.
    pub async fn is_gone(&self, id: &str) -> Result<()> {
        match self.device(id).await? {
            None => Ok(()),
            Some(_) => Err(still_there(&self.user, id)),
        }
    }
}

fn still_there(user: &UserId, id: &str) -> Error {
    Error::Target(format!(
        "the device {id} of {user} is still there after its deletion: look at the homeserver's log, and try again"
    ))
}

fn path(id: &str) -> String {
    format!("/_matrix/client/v3/devices/{}", encode(id))
}

#[cfg(test)]
mod tests {
    use wiremock::{
        Mock, MockServer, ResponseTemplate,
        matchers::{body_partial_json, method, path},
    };

    use super::*;

    const HERE: &str = "/_matrix/client/v3/devices/OLD";

    async fn account(server: &MockServer) -> Account {
        let whoami = json!({"user_id": "@bot:x", "device_id": "NEW"});
        Mock::given(path("/_matrix/client/v3/account/whoami"))
            .respond_with(ResponseTemplate::new(200).set_body_json(whoami))
            .mount(server)
            .await;
        let account = Account::of_token(&server.uri(), "t0ken".into()).await;
        account.unwrap().impatient()
    }

    async fn answers(server: &MockServer, verb: &str, status: u16, body: Value) {
        Mock::given(method(verb))
            .and(path(HERE))
            .respond_with(ResponseTemplate::new(status).set_body_json(body))
            .mount(server)
            .await;
    }

    #[tokio::test]
    async fn a_device_goes_with_the_password_and_is_looked_for_afterwards() {
        let server = MockServer::start().await;
        let account = account(&server).await;
        let auth = json!({"auth": {
            "type": "m.login.password",
            "identifier": {"type": "m.id.user", "user": "@bot:x"},
            "password": "right",
        }});
        Mock::given(method("DELETE"))
            .and(path(HERE))
            .and(body_partial_json(auth))
            .respond_with(ResponseTemplate::new(200).set_body_json(json!({})))
            .mount(&server)
            .await;
        answers(
            &server,
            "DELETE",
            401,
            json!({"errcode": "M_FORBIDDEN", "flows": []}),
        )
        .await;
        let wrong = account.delete_device("OLD", &"wrong".into()).await;
        let flows = json!({"flows": [{"stages": ["m.login.password"]}]});
        Mock::given(method("DELETE"))
            .and(path("/_matrix/client/v3/devices/OLDER"))
            .respond_with(ResponseTemplate::new(401).set_body_json(flows))
            .mount(&server)
            .await;
        let as_wrong = account.delete_device("OLDER", &"wrong".into()).await;
        answers(&server, "GET", 200, json!({"device_id": "OLD"})).await;
        let stays = account.delete_device("OLD", &"right".into()).await;
        let own = account.check_old("NEW");
        let lines = [wrong, as_wrong, stays, own].map(|it| it.unwrap_err().to_string());
        insta::assert_snapshot!(lines.join("\n"), @r"
        the homeserver doesn't take that password for @bot:x: give the account's own; an account without one deletes the device in a client, or an admin does
        the homeserver doesn't take that password for @bot:x: give the account's own; an account without one deletes the device in a client, or an admin does
        the device OLD of @bot:x is still there after its deletion: look at the homeserver's log, and try again
        the access token belongs to the device NEW itself: log the new bot in, and give its token
        ");
        server.reset().await;
        answers(&server, "DELETE", 200, json!({})).await;
        answers(&server, "GET", 404, json!({"errcode": "M_NOT_FOUND"})).await;
        account.delete_device("OLD", &"right".into()).await.unwrap();
    }
}
