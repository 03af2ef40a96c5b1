//! An installation of Ferryman between two lab servers: its folder, its configuration file, its registrations.

use std::path::{Path, PathBuf};

use ruma::ServerName;
use serde_json::{Value, json};

use crate::{
    Error, Result,
    config::{Config, Tokens, load},
    lab::{
        folder::Folder,
        names::{Names, free_port},
        registration::{Namespace, Registration},
        target::OPERATOR,
    },
    registration::{self, BOT_ID, PUPPETS_ID, Written},
    secret::{ExposeSecret, SecretString, write_private},
};

/// A folder with everything that an operator would have made.
#[derive(Debug)]
pub struct Installation {
    /// The configuration, read from the file.
    pub config: Config,
    /// The registrations' tokens.
    pub tokens: Tokens,
    /// The two registration files.
    pub written: Written,
    /// The configuration file.
    pub file: PathBuf,
    settings: Value,
    folder: Folder,
}

/// What an installation is made for.
#[derive(Debug)]
pub struct Between<'a> {
    /// The names of server and resident.
    pub names: &'a Names,
    /// Synapse's base URL.
    pub source: &'a str,
    /// An admin's token there.
    pub admin_token: SecretString,
}

/// Stands in the configuration until the target runs: a stand-in needs the registrations before it starts.
const NOWHERE: &str = "http://127.0.0.1:9";

impl Installation {
    /// Writes the configuration as an operator would, reads it as `ferryman` does, and writes the registrations.
    pub fn make(between: &Between<'_>) -> Result<Self> {
        let folder = Folder::new("ferryman")?;
        let bot_port = free_port()?;
        let at = |name: &str| folder.path().join(name);
        let settings = json!({
            "server_name": between.names.server_name,
            "operators": [format!("@{OPERATOR}:{}", between.names.server_name)],
            "data_dir": at("data"),
            "synapse": { "url": between.source, "admin_token": between.admin_token.expose_secret() },
            "tuwunel": { "url": NOWHERE },
            "bot": {
                "listen": format!("127.0.0.1:{bot_port}"),
                "url": format!("http://127.0.0.1:{bot_port}"),
                "registration_dir": at("registration"),
            },
            "login_bridge": { "listen": format!("127.0.0.1:{}", free_port()?) },
            "resident": {
                "name": between.names.resident,
                "listen": format!("127.0.0.1:{}", between.names.resident_port),
            },
        });
        let file = at("ferryman.toml");
        let config = store(&file, &settings)?;
        let written = registration::write(&config, false)?;
        Ok(Self {
            tokens: Tokens::load(&config.data_dir)?,
            config,
            settings,
            written,
            file,
            folder,
        })
    }

    /// Names the target in the configuration.
    pub fn enter(&mut self, target: &str) -> Result<()> {
        self.settings["tuwunel"]["url"] = json!(target);
        self.config = store(&self.file, &self.settings)?;
        Ok(())
    }

    /// Says that Synapse has another name than the target.
    pub fn come_from(&mut self, name: &ServerName) -> Result<()> {
        self.settings["synapse"]["server_name"] = json!(name);
        self.config = store(&self.file, &self.settings)?;
        Ok(())
    }

    /// The folder that holds it all.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The registrations as a stand-in takes them; a Tuwunel gets the files themselves.
    #[must_use]
    pub fn registrations(&self) -> Vec<Registration> {
        let (bot, server) = (&self.config.bot, &self.config.server_name);
        let text = |secret: &SecretString| secret.expose_secret().to_owned();
        vec![
            Registration {
                id: BOT_ID.to_owned(),
                url: Some(bot.url.clone()),
                as_token: text(&self.tokens.bot_as),
                hs_token: text(&self.tokens.bot_hs),
                // A Synapse gives its sync to no registration's own user, and the bot's device needs one.
                sender_localpart: format!("{}-service", bot.localpart),
                users: vec![Namespace::exclusive(format!("@{}:{server}", bot.localpart))],
                aliases: Vec::new(),
            },
            Registration {
                id: PUPPETS_ID.to_owned(),
                url: None,
                as_token: text(&self.tokens.puppets_as),
                hs_token: text(&self.tokens.puppets_hs),
                sender_localpart: "ferryman-puppets".to_owned(),
                users: vec![Namespace::shared(format!("@.*:{server}"))],
                aliases: vec![Namespace::shared(format!("#.*:{server}"))],
            },
        ]
    }
}

/// Writes the configuration and reads it back as `ferryman` does.
fn store(file: &Path, settings: &Value) -> Result<Config> {
    let text = toml::to_string(settings)
        .map_err(|error| Error::Config(format!("the configuration can't be written: {error}")))?;
    write_private(file, text.as_bytes()).map_err(Error::file(file))?;
    Ok(load::load(Some(file), std::iter::empty())?.config)
}
