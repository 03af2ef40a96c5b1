//! File, environment and defaults laid over one another: one text per setting, and where it came from.

use std::{collections::BTreeMap, fmt, fs, path::Path};

use super::{
    keys::{KEYS, Key, is_other_variable},
    near::nearest,
};
use crate::{Error, Result};

/// Where a setting came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Origin {
    /// The configuration file.
    File,
    /// This variable.
    Environment(String),
    /// Nobody said anything.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File => formatter.write_str("file"),
            Self::Environment(variable) => formatter.write_str(variable),
            Self::Default => formatter.write_str("default"),
        }
    }
}

/// What a setting says: one text, or several (`operators`).
pub(super) type Values = Vec<String>;

/// The settings by key, unchecked.
#[derive(Default)]
pub(super) struct Layers(BTreeMap<&'static str, (Values, Origin)>);

impl Layers {
    /// Lays the environment over the file over the defaults. Keys and variables that don't exist are errors.
    pub(super) fn new(
        file: Option<&str>,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self> {
        let mut layers = Self::default();
        for key in KEYS {
            if let Some(default) = key.default {
                layers.set(key, vec![default.to_owned()], Origin::Default);
            }
        }
        if let Some(text) = file {
            layers.read_file(text)?;
        }
        layers.read_environment(environment)?;
        Ok(layers)
    }

    /// What is said, and where.
    pub(super) fn get(&self, path: &str) -> Option<(&Values, &Origin)> {
        self.0.get(path).map(|(values, origin)| (values, origin))
    }

    /// A setting that follows from others.
    pub(super) fn derive(&mut self, path: &'static str, value: String) {
        self.0
            .entry(path)
            .or_insert_with(|| (vec![value], Origin::Default));
    }

    fn set(&mut self, key: &Key, values: Values, origin: Origin) {
        self.0.insert(key.path, (values, origin));
    }

    fn read_file(&mut self, text: &str) -> Result<()> {
        // The parser's own display quotes the line, and the line may hold the token.
        let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
            let line = error.span().map_or(1, |span| {
                text.get(..span.start)
                    .map_or(1, |before| before.matches('\n').count() + 1)
            });
            Error::Config(format!(
                "the configuration can't be read: line {line}: {}",
                error.message().lines().next().unwrap_or("not valid TOML")
            ))
        })?;
        self.read_table("", &table)
    }

    fn read_table(&mut self, prefix: &str, table: &toml::Table) -> Result<()> {
        for (name, value) in table {
            let path = format!("{prefix}{name}");
            if let Some(key) = KEYS.iter().find(|key| key.path == path) {
                self.set(key, values_of(key, value)?, Origin::File);
            } else if let toml::Value::Table(inner) = value
                && KEYS
                    .iter()
                    .any(|key| key.path.starts_with(&format!("{path}.")))
            {
                self.read_table(&format!("{path}."), inner)?;
            } else {
                return Err(unknown("configuration key", &path, near_key(&path)));
            }
        }
        Ok(())
    }

    fn read_environment(
        &mut self,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<()> {
        for (name, value) in environment {
            if !name.starts_with("FERRYMAN_") || is_other_variable(&name) {
                continue;
            }
            let named = |variable: &str| KEYS.iter().find(|key| key.variable() == variable);
            let secret_file = name
                .strip_suffix("_FILE")
                .and_then(named)
                .filter(|key| key.secret);
            let (key, value) = match (named(&name), secret_file) {
                (Some(key), _) => (key, value),
                (None, Some(key)) => (key, secret_from(&name, Path::new(&value))?),
                (None, None) => {
                    let variables: Vec<String> = KEYS.iter().map(Key::variable).collect();
                    let near = nearest(&name, variables.iter().map(String::as_str));
                    return Err(unknown(
                        "environment variable",
                        &name,
                        near.map(str::to_owned),
                    ));
                }
            };
            if let Some((_, Origin::Environment(other))) = self.0.get(key.path) {
                return Err(Error::Config(format!(
                    "{other} and {name} both give {}: leave one of them out",
                    key.path
                )));
            }
            let values = if key.path == "operators" {
                value
                    .split(',')
                    .map(|part| part.trim().to_owned())
                    .collect()
            } else {
                vec![value]
            };
            self.set(key, values, Origin::Environment(name));
        }
        Ok(())
    }
}

/// A value of the file as texts; only `operators` is a list.
fn values_of(key: &Key, value: &toml::Value) -> Result<Values> {
    let wanted = if key.path == "operators" {
        "a list of user IDs, such as [\"@you:your.server\"]"
    } else {
        "a text in quotes"
    };
    let wrong = || Error::Config(format!("{} must be {wanted}", key.path));
    match value {
        toml::Value::String(text) if key.path != "operators" => Ok(vec![text.clone()]),
        toml::Value::Array(list) if key.path == "operators" => list
            .iter()
            .map(|entry| entry.as_str().map(str::to_owned).ok_or_else(wrong))
            .collect(),
        _ => Err(wrong()),
    }
}

fn secret_from(variable: &str, path: &Path) -> Result<String> {
    fs::read_to_string(path)
        .map(|text| text.trim().to_owned())
        .map_err(|error| {
            Error::Config(format!(
                "{variable}: {} can't be read ({error}): name a file that holds the secret",
                path.display()
            ))
        })
}

/// The known key closest to a wrong one: by its whole path, or by its last part where the section is missing or wrong.
fn near_key(path: &str) -> Option<String> {
    let last = path.rsplit('.').next().unwrap_or(path);
    let misplaced = || {
        let mut same = KEYS
            .iter()
            .filter(|key| key.path.rsplit('.').next() == Some(last));
        let only = same.next()?;
        same.next().is_none().then_some(only.path)
    };
    let sections = [
        "synapse",
        "tuwunel",
        "public",
        "bot",
        "resident",
        "login_bridge",
        "metrics",
    ];
    nearest(path, KEYS.iter().map(|key| key.path).chain(sections))
        .or_else(misplaced)
        .map(str::to_owned)
}

fn unknown(kind: &str, name: &str, near: Option<String>) -> Error {
    Error::Config(match near {
        Some(near) => format!("{kind} {name} does not exist: did you mean {near}?"),
        None => format!("{kind} {name} does not exist: see config/ferryman.toml for all of them"),
    })
}
