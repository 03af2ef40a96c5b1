//! A throw-away Synapse on SQLite: the source, or a stand-in for the target.

mod admin;
mod config;

use ruma::OwnedServerName;

use super::{
    Result, client::Client, folder::Folder, names::free_port, python::synapse_python,
    registration::Registration, server::Server,
};
use crate::secret::{SecretString, random_token};

/// What a Synapse is to be.
#[derive(Debug, Clone)]
pub struct SynapseOptions {
    /// The name in the users' IDs.
    pub server_name: OwnedServerName,
    /// Its application services.
    pub registrations: Vec<Registration>,
    /// The resident, trusted as notary; for a stand-in target.
    pub trusted_server: Option<OwnedServerName>,
}

impl SynapseOptions {
    /// A source: no application service, no notary.
    pub fn source(server_name: OwnedServerName) -> Self {
        Self {
            server_name,
            registrations: Vec::new(),
            trusted_server: None,
        }
    }
}

/// A running Synapse; it ends, and its folder goes, with this value.
#[derive(Debug)]
pub struct Synapse {
    /// Its process and folder: stop, kill, start again.
    pub server: Server,
    options: SynapseOptions,
    python: std::path::PathBuf,
    secret: SecretString,
    anonymous: Client,
}

impl Synapse {
    /// Installs Synapse if need be, writes a configuration and starts.
    pub async fn start(options: SynapseOptions) -> Result<Self> {
        let python = synapse_python().await?;
        let folder = Folder::new("synapse")?;
        let port = free_port()?;
        let secret = random_token();
        let config = config::write(&folder, &options, port, &secret)?;
        let arguments = ["-m", "synapse.app.homeserver", "-c", &config]
            .map(str::to_owned)
            .to_vec();
        let mut server = Server::new(
            "Synapse",
            folder,
            python.clone(),
            arguments,
            port,
            "/health",
        );
        server.start().await?;
        Ok(Self {
            anonymous: Client::anonymous(server.url()),
            server,
            options,
            python,
            secret,
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

    /// `@localpart:server`.
    #[must_use]
    pub fn user_id(&self, localpart: &str) -> String {
        format!("@{localpart}:{}", self.options.server_name)
    }
}
