//! Synapse's configuration, as far as Ferryman needs it: where its database, its media and its signing key are.
//!
//! One file, or a folder whose `*.yaml` files are laid over one another in the order of their names, key by key, as
//! Synapse does it (`config/_base.py`). Keys that are not read here are ignored, whatever is in them.

mod database;
mod key_object;
mod signing_key;

#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use ruma::OwnedServerName;
use serde::Deserialize;

pub use signing_key::{OldSigningKey, SigningKey};

use crate::{Error, Result, config::DatabaseAddress, secret::SecretString};

/// Synapse's own default of `media_store_path`.
const MEDIA_STORE: &str = "media_store";

/// What was read.
#[derive(Debug, Clone)]
pub struct HomeserverYaml {
    /// The name after the colon in the users' IDs.
    pub server_name: OwnedServerName,
    /// The database; every Synapse has one.
    pub database: DatabaseAddress,
    /// The media store, which need not exist.
    pub media_path: PathBuf,
    /// The key that signs events.
    pub signing_key: SigningKey,
    /// Keys that signed events before, by their ID such as `ed25519:a_abcd`.
    pub old_signing_keys: BTreeMap<String, OldSigningKey>,
    /// What Synapse adds to every password before it hashes it.
    pub pepper: Option<SecretString>,
}

/// The keys that are read, each as its file has it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Yaml {
    server_name: Option<String>,
    database: Option<database::Section>,
    databases: Option<BTreeMap<String, database::Section>>,
    database_path: Option<PathBuf>,
    media_store_path: Option<PathBuf>,
    signing_key: Option<SecretString>,
    signing_key_path: Option<PathBuf>,
    old_signing_keys: Option<BTreeMap<String, OldSigningKey>>,
    password_config: Option<PasswordConfig>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct PasswordConfig {
    pepper: Option<SecretString>,
}

impl HomeserverYaml {
    /// Reads a file or a folder.
    ///
    /// Fails if it can't be read, is no YAML, names no server or no database, or one that can't be used.
    pub fn read(path: &Path) -> Result<Self> {
        let mut yaml = Yaml::default();
        for file in files(path)? {
            yaml = parse(&file)?.over(yaml);
        }
        yaml.checked(path)
    }
}

/// The file itself, or the folder's files that Synapse would read.
fn files(path: &Path) -> Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(path).map_err(Error::file(path))? {
        let file = entry.map_err(Error::file(path))?.path();
        if file.extension().is_some_and(|end| end == "yaml") && file.is_file() {
            files.push(file);
        }
    }
    if files.is_empty() {
        return Err(wrong(path, "holds no file that ends with .yaml"));
    }
    files.sort();
    Ok(files)
}

fn parse(path: &Path) -> Result<Yaml> {
    let text = fs::read_to_string(path).map_err(|error| {
        wrong(
            path,
            &format!("can't be read ({error}): run Ferryman as a user that may, or give it a copy"),
        )
    })?;
    let options = serde_saphyr::options! {
        // As Python's reader does it.
        duplicate_keys: serde_saphyr::DuplicateKeyPolicy::LastWins,
    };
    // The parser's own words quote the line, and the line may hold a password.
    serde_saphyr::from_str_with_options::<Option<Yaml>>(&text, options)
        .map(Option::unwrap_or_default)
        .map_err(|error| {
            let place = error
                .location()
                .map(|at| format!(": look at line {}", at.line()));
            wrong(
                path,
                &format!(
                    "is not YAML as Synapse reads it{}",
                    place.unwrap_or_default()
                ),
            )
        })
}

impl Yaml {
    /// Laid over an earlier file: a key that both have is this one's, whole.
    fn over(self, below: Self) -> Self {
        Self {
            server_name: self.server_name.or(below.server_name),
            database: self.database.or(below.database),
            databases: self.databases.or(below.databases),
            database_path: self.database_path.or(below.database_path),
            media_store_path: self.media_store_path.or(below.media_store_path),
            signing_key: self.signing_key.or(below.signing_key),
            signing_key_path: self.signing_key_path.or(below.signing_key_path),
            old_signing_keys: self.old_signing_keys.or(below.old_signing_keys),
            password_config: self.password_config.or(below.password_config),
        }
    }

    fn checked(self, path: &Path) -> Result<HomeserverYaml> {
        let folder = folder(path);
        let Some(name) = self.server_name else {
            return Err(wrong(
                path,
                "names no server_name: give Synapse's own homeserver.yaml",
            ));
        };
        let server_name = OwnedServerName::try_from(name.as_str())
            .map_err(|_| wrong(path, "has a server_name that is none"))?;
        Ok(HomeserverYaml {
            database: database::address(
                path,
                folder,
                self.database,
                self.databases,
                self.database_path,
            )?,
            media_path: found(
                folder,
                self.media_store_path
                    .as_deref()
                    .unwrap_or(MEDIA_STORE.as_ref()),
            ),
            signing_key: signing_key::chosen(
                folder,
                &server_name,
                self.signing_key,
                self.signing_key_path,
            ),
            old_signing_keys: self.old_signing_keys.unwrap_or_default(),
            pepper: self.password_config.unwrap_or_default().pepper,
            server_name,
        })
    }
}

fn folder(path: &Path) -> &Path {
    if path.is_dir() {
        path
    } else {
        path.parent().unwrap_or(Path::new(""))
    }
}

/// A path of Synapse's configuration. Synapse counts from the folder that it was started in, which nobody else knows:
/// the configuration's own folder is tried first, then the current one.
fn found(folder: &Path, path: &Path) -> PathBuf {
    let beside = folder.join(path);
    if !beside.exists() && path.exists() {
        path.to_owned()
    } else {
        beside
    }
}

/// A configuration of Synapse's that can't be used.
fn wrong(path: &Path, clause: &str) -> Error {
    Error::Config(format!(
        "Synapse's configuration {} {clause}",
        path.display()
    ))
}
