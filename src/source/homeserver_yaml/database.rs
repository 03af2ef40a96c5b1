//! `database`, `databases`, `database_path`: one database, or none that can be used.

use std::{
    collections::BTreeMap,
    fmt::Write,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::{found, wrong};
use crate::{
    Result,
    config::DatabaseAddress,
    secret::{ExposeSecret, SecretString},
};

/// One database of Synapse's.
#[derive(Debug, Deserialize)]
pub(super) struct Section {
    /// `sqlite3` (also if it is missing) or `psycopg2`.
    name: Option<String>,
    /// What the driver gets.
    args: Option<Args>,
}

/// What the two drivers take; Synapse's own `cp_…` and everything else is ignored.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Args {
    database: Option<String>,
    dbname: Option<String>,
    user: Option<String>,
    password: Option<SecretString>,
    host: Option<String>,
    hostaddr: Option<String>,
    port: Option<String>,
    sslmode: Option<String>,
    dsn: Option<SecretString>,
    service: Option<IgnoredAny>,
}

/// The database that Synapse would use.
pub(super) fn address(
    path: &Path,
    folder: &Path,
    one: Option<Section>,
    several: Option<BTreeMap<String, Section>>,
    file: Option<PathBuf>,
) -> Result<DatabaseAddress> {
    let section = match (one, several) {
        (None, Some(several)) if several.len() > 1 => {
            return Err(wrong(
                path,
                "spreads Synapse over several databases, which can't be read together: export by the Admin API",
            ));
        }
        (Some(section), _) => Some(section),
        (None, several) => several.and_then(|several| several.into_values().next()),
    };
    let is_sqlite = section
        .as_ref()
        .and_then(|section| section.name.as_deref())
        .is_none_or(|name| name == "sqlite3");
    // The top-level path wins over an SQLite database's own and means nothing beside PostgreSQL (`config/database.py`).
    if let (Some(file), true) = (file, is_sqlite) {
        return sqlite(path, folder, &file);
    }
    let Some(section) = section else {
        return Err(wrong(
            path,
            "names no database: set synapse.database, or give the file that has it",
        ));
    };
    let args = section.args.unwrap_or_default();
    match section.name.as_deref() {
        None | Some("sqlite3") => match args.database {
            Some(file) => sqlite(path, folder, Path::new(&file)),
            None => Err(wrong(
                path,
                "names no file for its SQLite database: set synapse.database",
            )),
        },
        Some("psycopg2") => postgres(path, &args),
        Some(other) => Err(wrong(
            path,
            &format!(
                "has a database of the kind {other:?}, which is not known: it should be sqlite3 or psycopg2"
            ),
        )),
    }
}

fn sqlite(path: &Path, folder: &Path, file: &Path) -> Result<DatabaseAddress> {
    if file == Path::new(":memory:") {
        return Err(wrong(
            path,
            "has its database in memory, where nobody else can read it: export by the Admin API",
        ));
    }
    Ok(DatabaseAddress::Sqlite(found(folder, file)))
}

/// The driver's arguments as a connection string.
fn postgres(path: &Path, args: &Args) -> Result<DatabaseAddress> {
    if args.dsn.is_some() || args.service.is_some() {
        return Err(wrong(
            path,
            "gives its PostgreSQL database as dsn or service: set synapse.database instead",
        ));
    }
    let sslmode = match args.sslmode.as_deref() {
        None | Some("allow" | "prefer" | "disable") => None,
        Some(_) => Some("require".to_owned()),
    };
    let mut text = String::new();
    let password = args.password.as_ref().map(ExposeSecret::expose_secret);
    for (keyword, value) in [
        (
            "dbname",
            args.dbname.as_deref().or(args.database.as_deref()),
        ),
        ("user", args.user.as_deref()),
        ("password", password),
        ("host", args.host.as_deref()),
        ("hostaddr", args.hostaddr.as_deref()),
        ("port", args.port.as_deref()),
        ("sslmode", sslmode.as_deref()),
    ] {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            let value = value.replace('\\', "\\\\").replace('\'', "\\'");
            let _infallible = write!(text, "{keyword}='{value}' ");
        }
    }
    DatabaseAddress::postgres(text.into()).ok_or_else(|| {
        wrong(
            path,
            "has a PostgreSQL database whose args can't be read: set synapse.database",
        )
    })
}
