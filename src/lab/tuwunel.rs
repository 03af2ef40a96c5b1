//! A throw-away Tuwunel, if this machine has its binary.

mod binary;
mod config;

use std::path::PathBuf;

use ruma::OwnedServerName;
use serde_json::{Value, json};

use super::{
    LabError, Result, admin_room::AdminRoom, client::Client, folder::Folder, names::free_port,
    registration::Registration, server::Server,
};
use crate::secret::{ExposeSecret, SecretString, random_token};

pub use binary::find as find_binary;

/// What a Tuwunel is to be.
#[derive(Debug, Clone)]
pub struct TuwunelOptions {
    /// The name in the users' IDs.
    pub server_name: OwnedServerName,
    /// Its application services.
    pub registrations: Vec<Registration>,
    /// The resident, trusted as notary.
    pub trusted_server: Option<OwnedServerName>,
}

/// A running Tuwunel; it ends, and its folder goes, with this value.
#[derive(Debug)]
pub struct Tuwunel {
    /// Its process and folder: stop, kill, start again.
    pub server: Server,
    options: TuwunelOptions,
    anonymous: Client,
    registration_token: SecretString,
}

impl Tuwunel {
    /// Writes a configuration and starts; [`LabError::NoTuwunel`] if there is no binary.
    pub async fn start(options: TuwunelOptions) -> Result<Self> {
        let binary: PathBuf = find_binary().ok_or(LabError::NoTuwunel)?;
        let folder = Folder::new("tuwunel")?;
        let port = free_port()?;
        let registration_token = random_token();
        let config = config::write(&folder, &options, port, &registration_token)?;
        let mut server = Server::new(
            "Tuwunel",
            folder,
            binary,
            vec!["-c".to_owned(), config],
            port,
            "/_matrix/client/versions",
        );
        server.start().await?;
        Ok(Self {
            anonymous: Client::anonymous(server.url()),
            server,
            options,
            registration_token,
        })
    }

    /// Base URL, without a trailing slash.
    pub fn url(&self) -> &str {
        self.server.url()
    }

    /// Its name.
    pub fn server_name(&self) -> &OwnedServerName {
        &self.options.server_name
    }

    /// Nobody's client.
    pub fn anonymous(&self) -> &Client {
        &self.anonymous
    }

    /// Registers somebody with the registration token; the first one becomes the server's admin.
    pub async fn register(&self, localpart: &str, password: &str) -> Result<Client> {
        let path = "/_matrix/client/v3/register";
        let mut body = json!({ "username": localpart, "password": password });
        // The first answer is a 401 that opens a session.
        let session = match self.anonymous.post(path, &body).await {
            Err(LabError::Answer {
                status: 401, body, ..
            }) => body["session"].clone(),
            other => return self.anonymous.session(&other?),
        };
        body["auth"] = json!({
            "type": "m.login.registration_token",
            "token": self.registration_token.expose_secret(),
            "session": session,
        });
        let answer = self.anonymous.post(path, &body).await?;
        self.anonymous.session(&answer)
    }

    /// Makes somebody a server admin, by an admin's command: who is in the admin room is one.
    pub async fn make_admin(&self, admin: &Client, user_id: &str) -> Result<()> {
        let room = AdminRoom::find(admin, self.options.server_name.as_str()).await?;
        let command = format!("!admin users make-user-admin {user_id}");
        let reply = room.command(&command).await?;
        // The reply is for people; the room itself tells whether it worked.
        let members = admin.members(room.id()).await?;
        let joined = members
            .iter()
            .any(|event| event["state_key"] == user_id && event["content"]["membership"] == "join");
        if joined {
            Ok(())
        } else {
            Err(LabError::Missing {
                request: command,
                field: "a new admin",
                body: Value::String(reply),
            })
        }
    }

    /// `Tuwunel 1.4.6`, as the server says itself.
    pub async fn version(&self) -> Result<String> {
        let answer = self.anonymous.get("/_matrix/federation/v1/version").await?;
        let part = |name: &str| match &answer["server"][name] {
            Value::String(text) => text.clone(),
            _ => "?".to_owned(),
        };
        Ok(format!("{} {}", part("name"), part("version")))
    }
}
