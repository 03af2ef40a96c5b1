//! Accounts on the target.

use ruma::{OwnedRoomId, UserId};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Anything, Target};
use crate::{
    Error, Result,
    http::{Request, encode},
    secret::random_token,
};

/// What came of a registration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Registered {
    /// The account was made.
    Created,
    /// The name is in use.
    Exists,
}

/// Whether a name can be registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Name {
    /// Nobody has it.
    Free,
    /// A local account has it.
    There,
    /// Nobody has it, and the target says why nobody can.
    Refused(String),
}

#[derive(Debug, Deserialize)]
struct Joined {
    joined_rooms: Vec<OwnedRoomId>,
}

impl Target {
    /// Whether a local account of this name exists.
    pub async fn has_account(&self, user: &UserId) -> Result<bool> {
        Ok(self.name(user).await? == Name::There)
    }

    /// What the target says of a user's name. A stand-in that takes no registrations refuses every name here.
    pub async fn name(&self, user: &UserId) -> Result<Name> {
        let request = Request::get("/_matrix/client/v3/register/available")
            .query("username", user.localpart());
        match self.puppets_http.send::<Anything>(&request).await {
            Ok(_) => Ok(Name::Free),
            Err(Error::Answer { errcode, .. }) if errcode == "M_USER_IN_USE" => Ok(Name::There),
            // A bridge's or the bot's own namespace, a name that is forbidden, or a Synapse that takes no
            // registrations: ask for the profile.
            Err(Error::Answer {
                errcode, message, ..
            }) if errcode == "M_EXCLUSIVE" || errcode == "M_FORBIDDEN" => {
                let path = format!("/_matrix/client/v3/profile/{}", encode(user.as_str()));
                let profile = self.puppets_http.find::<Value>(&Request::get(path)).await?;
                Ok(match profile {
                    Some(_) => Name::There,
                    None if errcode == "M_FORBIDDEN" => Name::Refused(message),
                    None => Name::Free,
                })
            }
            Err(error) => Err(error),
        }
    }

    /// Registers an account. Without a password Tuwunel counts it as deactivated, which reserves a name.
    pub async fn register(
        &self,
        user: &UserId,
        password: Option<&SecretString>,
    ) -> Result<Registered> {
        let mut body = json!({
            "type": "m.login.application_service",
            "username": user.localpart(),
            "inhibit_login": true,
        });
        if let Some(password) = password {
            body["password"] = json!(password.expose_secret());
        }
        match self
            .puppets_http
            .send::<Anything>(&Request::post("/_matrix/client/v3/register", &body))
            .await
        {
            Ok(_) => Ok(Registered::Created),
            Err(Error::Answer { errcode, .. }) if errcode == "M_USER_IN_USE" => {
                Ok(Registered::Exists)
            }
            Err(error) => Err(error),
        }
    }

    /// Closes an account for good, as its owner would; one that is closed already stays so.
    pub async fn deactivate(&self, user: &UserId) -> Result<()> {
        let request = Request::post(
            "/_matrix/client/v3/account/deactivate",
            &json!({ "erase": false }),
        );
        self.puppets_http
            .send::<Anything>(&Self::as_user(request, user))
            .await?;
        Ok(())
    }

    /// Whether somebody could log in to an account, if they had the password: a wrong one is tried. Tuwunel says so of
    /// a deactivated account; a server that doesn't tell counts as not open.
    pub async fn is_open(&self, user: &UserId) -> Result<bool> {
        Ok(match self.login_refusal(user).await? {
            Some((errcode, message)) => {
                errcode == "M_FORBIDDEN" && message.contains("Wrong username or password")
            }
            None => true,
        })
    }

    /// Whether the target itself says that an account is deactivated; a server that doesn't tell counts as not closed.
    pub async fn is_closed(&self, user: &UserId) -> Result<bool> {
        let refusal = self.login_refusal(user).await?;
        Ok(refusal.is_some_and(|(errcode, _)| errcode == "M_USER_DEACTIVATED"))
    }

    /// What the target says to a login with a wrong password: error code and message.
    async fn login_refusal(&self, user: &UserId) -> Result<Option<(String, String)>> {
        let body = json!({
            "type": "m.login.password",
            "identifier": { "type": "m.id.user", "user": user },
            "password": random_token().expose_secret(),
        });
        let request = Request::post("/_matrix/client/v3/login", &body);
        match self.anonymous_http.send::<Anything>(&request).await {
            Err(Error::Answer {
                errcode, message, ..
            }) => Ok(Some((errcode, message))),
            Ok(_) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The rooms that a user is joined to.
    pub async fn joined_rooms(&self, user: &UserId) -> Result<Vec<OwnedRoomId>> {
        let request = Self::as_user(Request::get("/_matrix/client/v3/joined_rooms"), user);
        let http = if *user == self.bot {
            &self.bot_http
        } else {
            &self.puppets_http
        };
        Ok(http.send::<Joined>(&request).await?.joined_rooms)
    }
}
