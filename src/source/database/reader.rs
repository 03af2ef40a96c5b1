//! The reader that looks into Synapse's database and media store.

use std::{collections::BTreeSet, path::PathBuf};

use ruma::OwnedServerName;

use super::{
    Database, about, key_backups, media,
    news::{self, Followed, Fresh},
    read_ahead::ReadAhead,
    rooms,
    schema_version::SchemaVersion,
    server_keys, users,
};
use crate::{
    Error, Result, config,
    config::DatabaseAddress,
    model::wanted::History,
    source::{
        about::About, admin_api::Client, homeserver_yaml::HomeserverYaml, intake::Intake,
        reader::Reader,
    },
};

/// One Synapse by its database.
pub struct DatabaseReader {
    address: DatabaseAddress,
    /// Open from [`Reader::about`] on; away while a thread works with it.
    database: Option<Database>,
    /// Only where all of it is read.
    ahead: Option<ReadAhead>,
    server_name: OwnedServerName,
    yaml: Option<HomeserverYaml>,
    media_path: Option<PathBuf>,
    /// For the server's own public keys, where the signing key can't be read.
    client: Client,
}

impl DatabaseReader {
    /// A reader of the server `server_name`; nothing is opened yet but `homeserver.yaml`.
    pub fn new(settings: &config::Synapse, server_name: OwnedServerName) -> Result<Self> {
        let yaml = settings
            .homeserver_yaml
            .as_deref()
            .map(HomeserverYaml::read)
            .transpose()?;
        let address = match (&settings.database, &yaml) {
            (Some(address), _) => address.clone(),
            (None, Some(yaml)) => yaml.database.clone(),
            (None, None) => {
                return Err(Error::Config(
                    "synapse.database is missing: give it, or synapse.homeserver_yaml, to read Synapse's database"
                        .to_owned(),
                ));
            }
        };
        let media_path = settings
            .media_path
            .clone()
            .or_else(|| yaml.as_ref().map(|yaml| yaml.media_path.clone()));
        Ok(Self {
            address,
            database: None,
            ahead: None,
            server_name,
            yaml,
            media_path,
            client: Client::new(settings)?,
        })
    }

    /// The database as messages name it, without user and password.
    #[must_use]
    pub fn place(&self) -> String {
        self.address.place()
    }

    /// The background updates that Synapse has not finished, by name.
    pub async fn pending(&mut self) -> Result<Vec<String>> {
        let schema = self.blocking(SchemaVersion::read).await?;
        Ok(schema.pending)
    }

    /// How many bytes the database takes.
    pub async fn bytes(&mut self) -> Result<Option<u64>> {
        self.blocking(Database::bytes).await
    }

    /// Events that have come since this was asked before: each time the database is read as it is then.
    pub async fn news(&mut self, followed: &mut Followed) -> Result<Vec<Fresh>> {
        let mut now = followed.clone();
        let read = self.blocking(move |database| {
            let fresh = news::read(database, &mut now)?;
            Ok((now, fresh))
        });
        let read = read.await;
        // Its snapshot goes with it.
        self.database = None;
        let (now, fresh) = read?;
        *followed = now;
        Ok(fresh)
    }

    /// Runs `work` on a thread that may block.
    async fn blocking<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut Database) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (open, address) = (self.database.take(), self.address.clone());
        let place = address.place();
        let done = tokio::task::spawn_blocking(move || {
            let mut database = match open {
                Some(database) => database,
                None => Database::open(&address)?,
            };
            let done = work(&mut database)?;
            Ok::<_, Error>((database, done))
        });
        let (database, done) = done.await.map_err(|error| Error::Database {
            place,
            reason: error.to_string(),
        })??;
        self.database = Some(database);
        Ok(done)
    }

    /// Media contents need the media store, and that is better known before the export than at its end.
    fn check_media(&self, to: &Intake) -> Result<()> {
        let wanted = to.wanted().media.contents_since(to.started_ms()).is_some();
        match &self.media_path {
            _ if !wanted => Ok(()),
            Some(path) if path.is_dir() => Ok(()),
            Some(path) => Err(Error::Config(format!(
                "Synapse's media store {} is not there: set synapse.media_path to the folder that holds local_content, \
                 or export with --media refs",
                path.display()
            ))),
            None => Err(Error::Config(
                "synapse.media_path is missing: give it, or synapse.homeserver_yaml, or export with --media refs"
                    .to_owned(),
            )),
        }
    }
}

impl Reader for DatabaseReader {
    async fn about(&mut self) -> Result<About> {
        let configured = self.server_name.clone();
        self.blocking(move |database| about::read(database, &configured))
            .await
    }

    async fn users(&mut self, to: &Intake) -> Result<()> {
        self.check_media(to)?;
        if let DatabaseAddress::Sqlite(path) = &self.address
            && to.matcher().takes_all_rooms()
            && to.wanted().history == History::All
            && !to.wanted().inventory
        {
            self.ahead = ReadAhead::begin(path);
        }
        let to = to.clone();
        self.blocking(move |database| users::read(database, &to))
            .await
    }

    async fn key_backups(&mut self, to: &Intake) -> Result<()> {
        let to = to.clone();
        self.blocking(move |database| key_backups::read(database, &to))
            .await
    }

    async fn rooms(&mut self, to: &Intake) -> Result<()> {
        let (to, server_name) = (to.clone(), self.server_name.clone());
        self.blocking(move |database| rooms::read(database, &server_name, &to))
            .await
    }

    async fn media(&mut self, to: &Intake) -> Result<()> {
        let (to, store) = (to.clone(), self.media_path.clone());
        self.blocking(move |database| media::read(database, store.as_deref(), &to))
            .await
    }

    async fn server_keys(&mut self, servers: BTreeSet<OwnedServerName>, to: &Intake) -> Result<()> {
        let (own, yaml) = (&self.server_name, self.yaml.as_ref());
        server_keys::own(own, yaml, &self.client, to).await?;
        let (own, to) = (own.clone(), to.clone());
        self.blocking(move |database| server_keys::others(database, &own, servers, &to))
            .await
    }

    fn requests(&self) -> u64 {
        self.client.requests()
    }
}
