//! Where Synapse's database is: `synapse.database`, or what `homeserver.yaml` says.

use std::path::{Path, PathBuf};

use super::check;
use crate::{
    Result,
    secret::{ExposeSecret, SecretString},
};

/// Keywords of PostgreSQL's connection strings by which one is known from a path.
const KEYWORDS: [&str; 6] = ["host", "hostaddr", "port", "dbname", "user", "password"];

/// A database that can be connected to.
#[derive(Debug, Clone)]
pub enum DatabaseAddress {
    /// SQLite: its file.
    Sqlite(PathBuf),
    /// PostgreSQL: a URL, or a string of keywords and values, with the password; known to be readable.
    Postgres(SecretString),
}

impl DatabaseAddress {
    /// Reads a setting: `postgresql://…`, `host=… user=…`, or the path of an SQLite file (relative to `base`).
    pub fn parse(key: &str, value: &str, base: &Path) -> Result<Self> {
        if is_postgres(value) {
            return Self::postgres(value.into()).map_or_else(
                || {
                    check::wrong(
                        key,
                        "is not a PostgreSQL address: write it as postgresql://user:password@host/database, or as \
                         host=… user=… password=… dbname=… (TLS's own settings are not known)",
                    )
                },
                Ok,
            );
        }
        if value.contains("://") {
            return check::wrong(
                key,
                "is neither a PostgreSQL address (postgresql://…) nor a path: give one of the two",
            );
        }
        check::file(key, &base.join(value).to_string_lossy()).map(Self::Sqlite)
    }

    /// A connection string that can be read; else nothing, because the reader's own words could hold the password.
    pub fn postgres(text: SecretString) -> Option<Self> {
        let readable = text.expose_secret().parse::<postgres::Config>().is_ok();
        readable.then_some(Self::Postgres(text))
    }

    /// The database as messages name it, without user and password.
    #[must_use]
    pub fn place(&self) -> String {
        match self {
            Self::Sqlite(path) => path.display().to_string(),
            Self::Postgres(text) => postgres_place(text),
        }
    }
}

fn is_postgres(value: &str) -> bool {
    value.starts_with("postgres://")
        || value.starts_with("postgresql://")
        || value
            .split_once('=')
            .is_some_and(|(keyword, _)| KEYWORDS.contains(&keyword.trim()))
}

/// `PostgreSQL synapse at db.internal`.
fn postgres_place(text: &SecretString) -> String {
    let Ok(config) = text.expose_secret().parse::<postgres::Config>() else {
        return "PostgreSQL".to_owned();
    };
    let host = match config.get_hosts().first() {
        Some(postgres::config::Host::Tcp(name)) => Some(name.clone()),
        Some(postgres::config::Host::Unix(path)) => Some(path.display().to_string()),
        None => config.get_hostaddrs().first().map(ToString::to_string),
    };
    let mut place = "PostgreSQL".to_owned();
    if let Some(name) = config.get_dbname().or(config.get_user()) {
        place = format!("{place} {name}");
    }
    if let Some(host) = host {
        place = format!("{place} at {host}");
    }
    place
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> String {
        match DatabaseAddress::parse("synapse.database", value, Path::new("/no/such")) {
            Ok(address) => address.place(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn addresses_are_read_and_shown_without_their_password() {
        let lines = [
            "postgresql://synapse:s3cret@db.internal:5433/matrix",
            "postgres://synapse:s3cret@%2Fvar%2Frun%2Fpostgresql/matrix?sslmode=disable",
            "host=/run/postgresql user=synapse password='s3 cret'",
            "dbname=matrix",
            "hostaddr=10.0.0.1 dbname=matrix",
            "postgresql://synapse:s3cret@db.internal/matrix?sslrootcert=s3cret",
            "host=db password=s3cret and more",
            "host=db port=s3cret",
            "mysql://synapse:s3cret@db.internal/matrix",
            "homeserver.db",
        ]
        .map(read);
        assert!(lines.iter().all(|line| !line.contains("cret")));
        insta::assert_snapshot!(lines.join("\n"), @r"
        PostgreSQL matrix at db.internal
        PostgreSQL matrix at /var/run/postgresql
        PostgreSQL synapse at /run/postgresql
        PostgreSQL matrix
        PostgreSQL matrix at 10.0.0.1
        synapse.database is not a PostgreSQL address: write it as postgresql://user:password@host/database, or as host=… user=… password=… dbname=… (TLS's own settings are not known)
        synapse.database is not a PostgreSQL address: write it as postgresql://user:password@host/database, or as host=… user=… password=… dbname=… (TLS's own settings are not known)
        synapse.database is not a PostgreSQL address: write it as postgresql://user:password@host/database, or as host=… user=… password=… dbname=… (TLS's own settings are not known)
        synapse.database is neither a PostgreSQL address (postgresql://…) nor a path: give one of the two
        synapse.database names /no/such/homeserver.db, which is not a file
        ");
    }

    #[test]
    fn a_file_is_found_beside_the_configuration() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a=b.db"), "").unwrap();
        let address = DatabaseAddress::parse("synapse.database", "a=b.db", dir.path()).unwrap();
        assert!(matches!(address, DatabaseAddress::Sqlite(path) if path.ends_with("a=b.db")));
    }

    #[test]
    fn it_is_not_printed() {
        let address =
            DatabaseAddress::parse("k", "postgresql://u:s3cret@h/d", Path::new("")).unwrap();
        assert!(!format!("{address:?}").contains("s3cret"));
    }
}
