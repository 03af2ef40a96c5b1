//! A throw-away Synapse on SQLite or PostgreSQL: the source, or a stand-in for the target.

mod admin;
mod config;
mod gate;
pub(in crate::lab) mod port;

use std::path::PathBuf;

pub use gate::Gate;
use ruma::OwnedServerName;

use super::{
    Result,
    client::Client,
    folder::Folder,
    names::free_port,
    postgres::{Connection, Postgres},
    python::synapse_python,
    registration::Registration,
    server::Server,
};
use crate::secret::{SecretString, random_token};

/// The database's name in a PostgreSQL.
pub(in crate::lab) const DATABASE: &str = "synapse";
/// The SQLite database in a Synapse's folder.
pub(in crate::lab) const SQLITE_FILE: &str = "homeserver.db";
/// The media store in a Synapse's folder.
pub(in crate::lab) const MEDIA: &str = "media";
/// The signing key in a Synapse's folder.
pub(in crate::lab) const SIGNING_KEY: &str = "signing.key";

/// Its own starter, which runs Synapse's.
const LAUNCH: &str = include_str!("synapse/launch.py");

/// What a Synapse is to be.
#[derive(Debug, Clone)]
pub struct SynapseOptions {
    /// The name in the users' IDs.
    pub server_name: OwnedServerName,
    /// Its application services.
    pub registrations: Vec<Registration>,
    /// The resident, trusted as notary; for a stand-in target.
    pub trusted_server: Option<OwnedServerName>,
    /// Where it keeps everything but the media.
    pub database: Database,
    /// Settings of `homeserver.yaml` that are laid over the lab's, by their top-level names.
    pub settings: serde_json::Map<String, serde_json::Value>,
    /// Whether other servers reach it under its name, which must be `localhost:<port>` then.
    pub federates: bool,
}

/// Which database a Synapse is to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Database {
    /// A file in its folder.
    #[default]
    Sqlite,
    /// A PostgreSQL of its own, which ends with it.
    Postgres,
}

/// Where a Synapse's database is.
#[derive(Debug, Clone)]
pub enum DatabasePlace {
    /// The file; while Synapse runs, there is a write-ahead log beside it.
    Sqlite(PathBuf),
    /// The server and the database's name.
    Postgres(Connection),
}

impl SynapseOptions {
    /// A source: no application service, no notary.
    pub fn source(server_name: OwnedServerName) -> Self {
        Self {
            server_name,
            registrations: Vec::new(),
            trusted_server: None,
            database: Database::default(),
            settings: serde_json::Map::new(),
            federates: false,
        }
    }
}

/// Where a Synapse listens on 127.0.0.1.
#[derive(Debug, Clone, Copy)]
struct Ports {
    /// For clients, without TLS; federation is there, too.
    clients: u16,
    /// For other servers, with TLS.
    servers: Option<u16>,
}

/// A running Synapse; it ends, and its folder goes, with this value.
#[derive(Debug)]
pub struct Synapse {
    /// Its process and folder: stop, kill, start again.
    pub server: Server,
    // Behind the server, so that it ends after it.
    postgres: Option<Postgres>,
    gate: Option<Gate>,
    place: DatabasePlace,
    options: SynapseOptions,
    python: PathBuf,
    secret: SecretString,
    anonymous: Client,
}

impl Synapse {
    /// Installs Synapse if need be, writes a configuration and starts.
    pub async fn start(options: SynapseOptions) -> Result<Self> {
        let postgres = match options.database {
            Database::Sqlite => None,
            Database::Postgres => {
                let postgres = Postgres::start().await?;
                postgres.create_database(DATABASE).await?;
                Some(postgres)
            }
        };
        Self::start_on(Folder::new("synapse")?, postgres, options).await
    }

    /// Starts in a folder that may hold a signing key, media and an SQLite database already, or on a PostgreSQL that
    /// has the database [`DATABASE`] already.
    pub(in crate::lab) async fn start_on(
        folder: Folder,
        postgres: Option<Postgres>,
        options: SynapseOptions,
    ) -> Result<Self> {
        let python = synapse_python().await?;
        let port = free_port()?;
        let secret = random_token();
        let place = match &postgres {
            Some(postgres) => DatabasePlace::Postgres(postgres.connection(DATABASE)),
            None => DatabasePlace::Sqlite(folder.path().join(SQLITE_FILE)),
        };
        let outer = options
            .federates
            .then(|| options.server_name.port())
            .flatten();
        let ports = Ports {
            clients: port,
            servers: outer.map(|_| free_port()).transpose()?,
        };
        let gate = match outer.zip(ports.servers) {
            Some((outer, inner)) => Some(Gate::new(outer, inner).await?),
            None => None,
        };
        let config = config::write(&folder, &options, &place, ports, &secret)?;
        let launch = folder.write("launch.py", LAUNCH)?.display().to_string();
        let arguments = vec![launch, "-c".to_owned(), config];
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
            postgres,
            gate,
            place,
            options,
            python,
            secret,
        })
    }

    /// Base URL, without a trailing slash.
    pub fn url(&self) -> &str {
        self.server.url()
    }

    /// Its `homeserver.yaml`, which is JSON; it names every other file, too.
    pub fn config_path(&self) -> PathBuf {
        self.server.folder().join(config::FILE)
    }

    /// Its media store: `local_content/…`, `local_thumbnails/…`.
    pub fn media_path(&self) -> PathBuf {
        self.server.folder().join(MEDIA)
    }

    /// Where its database is.
    pub fn database(&self) -> &DatabasePlace {
        &self.place
    }

    /// Its PostgreSQL, if it has one.
    pub fn postgres(&self) -> Option<&Postgres> {
        self.postgres.as_ref()
    }

    /// The way in for other servers, if it federates.
    pub fn gate(&self) -> Option<&Gate> {
        self.gate.as_ref()
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
