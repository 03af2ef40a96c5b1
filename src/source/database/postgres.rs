//! PostgreSQL: one transaction, every query as a `COPY … TO STDOUT (FORMAT binary)`.

use std::{error::Error as _, path::Path, time::Duration};

use postgres::{
    Client, Config, NoTls,
    binary_copy::BinaryCopyOutIter,
    config::SslMode,
    fallible_iterator::FallibleIterator,
    types::{FromSql, Type},
};

use super::{
    Failure,
    row::{Column, Inner, Row},
};
use crate::{
    Result,
    secret::{ExposeSecret, SecretString},
};

/// How long a server may take to accept the connection.
const PATIENCE: Duration = Duration::from_secs(10);

/// PostgreSQL's port unless another is given.
const PORT: u16 = 5432;

/// Where Debian's packages and PostgreSQL itself put the socket.
const SOCKET_DIRS: [&str; 2] = ["/var/run/postgresql", "/tmp"];

pub(super) struct Postgres {
    /// There until it is dropped.
    client: Option<Client>,
    address: SecretString,
    sorts_by_bytes: bool,
}

impl Postgres {
    /// Connects and takes the snapshot, or that of another connection; the error is a clause.
    pub(super) fn open(address: &SecretString, snapshot: Option<&str>) -> Result<Self, String> {
        // Checked when the configuration was read.
        let config: Config = address.expose_secret().parse().map_err(clause)?;
        let config = completed(config);
        if config.get_ssl_mode() == SslMode::Require {
            return Err(
                "sslmode=require asks for TLS, which Ferryman doesn't speak to PostgreSQL: connect through its socket \
                 or an SSH tunnel, with sslmode=disable"
                    .to_owned(),
            );
        }
        let client = config.connect(NoTls).map_err(clause)?;
        begin(client, address, snapshot).map_err(clause)
    }

    /// Another connection with the snapshot of this one.
    pub(super) fn second(&mut self) -> Result<Self, String> {
        let snapshot: String = self
            .client()?
            .query_one("SELECT pg_export_snapshot()", &[])
            .and_then(|row| row.try_get(0))
            .map_err(clause)?;
        Self::open(&self.address, Some(&snapshot))
    }

    /// Whether the database's own collation compares bytes, as Synapse wants it; its indexes serve for sorting then.
    pub(super) fn sorts_by_bytes(&self) -> bool {
        self.sorts_by_bytes
    }

    fn client(&mut self) -> Result<&mut Client, String> {
        self.client
            .as_mut()
            .ok_or_else(|| "it is closed".to_owned())
    }

    pub(super) fn each(
        &mut self,
        sql: &str,
        take: &mut dyn FnMut(&Row<'_>) -> crate::Result<()>,
    ) -> Result<u64, Failure> {
        let failed = |error| Failure::Reading(clause(error));
        let client = self.client().map_err(Failure::Reading)?;
        let statement = client.prepare(sql).map_err(failed)?;
        let types: Vec<Type> = statement
            .columns()
            .iter()
            .map(|column| column.type_().clone())
            .collect();
        if let Some(column) = statement
            .columns()
            .iter()
            .find(|column| !Wire::accepts(column.type_()))
        {
            return Err(Failure::Reading(format!(
                "column {} is of the type {}, which is not expected: is this really Synapse's database?",
                column.name(),
                column.type_()
            )));
        }
        let reader = client
            .copy_out(format!("COPY ({sql}) TO STDOUT (FORMAT binary)").as_str())
            .map_err(failed)?;
        let mut rows = BinaryCopyOutIter::new(reader, &types);
        let mut count = 0;
        while let Some(row) = rows.next().map_err(failed)? {
            take(&Row(Inner::Postgres(&row))).map_err(Failure::Taking)?;
            count += 1;
        }
        Ok(count)
    }
}

impl Drop for Postgres {
    /// The client ends its own runtime, which is forbidden on a thread that runs async tasks: a reader may be dropped
    /// on one.
    fn drop(&mut self) {
        let client = self.client.take();
        std::thread::spawn(move || drop(client));
    }
}

fn begin(
    mut client: Client,
    address: &SecretString,
    snapshot: Option<&str>,
) -> Result<Postgres, postgres::Error> {
    client.batch_execute("BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")?;
    if let Some(snapshot) = snapshot {
        client.batch_execute(&format!(
            "SET TRANSACTION SNAPSHOT {}",
            super::quote(snapshot)
        ))?;
    }
    // An export takes longer than a web request, and `quote` knows standard strings. Most queries want some thousand
    // rows of a big table: with the cost that PostgreSQL gives a page of an index by default it reads all of `event_json`
    // for them, and sorts a room's events in temporary files instead of taking them from the index in their order.
    // Compiling and other processes are for single long queries, and Synapse may be at work.
    client.batch_execute(
        "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0; \
         SET LOCAL standard_conforming_strings = on; SET LOCAL random_page_cost = 1.1; SET LOCAL jit = off; \
         SET LOCAL max_parallel_workers_per_gather = 0",
    )?;
    let collation: String = client
        .query_one(
            "SELECT datcollate::text FROM pg_database WHERE datname = current_database()",
            &[],
        )?
        .try_get(0)?;
    Ok(Postgres {
        client: Some(client),
        address: address.clone(),
        sorts_by_bytes: matches!(collation.as_str(), "C" | "POSIX"),
    })
}

/// Without a host, libpq (and so Synapse) takes the local socket; this client wants to be told.
fn completed(mut config: Config) -> Config {
    if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
        let port = config.get_ports().first().copied().unwrap_or(PORT);
        let socket = SOCKET_DIRS
            .iter()
            .find(|dir| Path::new(dir).join(format!(".s.PGSQL.{port}")).exists());
        config.host(socket.unwrap_or(&"localhost"));
    }
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(PATIENCE);
    }
    config.application_name("ferryman");
    config
}

/// PostgreSQL's own words: severity, sentence and hint; or the innermost cause.
fn clause(error: impl std::borrow::Borrow<postgres::Error>) -> String {
    let error = error.borrow();
    if let Some(answer) = error.as_db_error() {
        let remedy = match answer.code().code() {
            "28P01" | "28000" => ": check user and password",
            "3D000" => ": check the database's name",
            "42501" => ": connect as the user that owns Synapse's tables",
            "42P01" | "42703" => ": is this really Synapse's database?",
            _ => "",
        };
        return format!("it answers: {}{remedy}", answer.message());
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    if error.is_closed()
        || error
            .source()
            .is_some_and(<dyn std::error::Error>::is::<std::io::Error>)
    {
        format!("no connection ({cause}): check host and port, and that PostgreSQL runs")
    } else {
        cause.to_string()
    }
}

/// A value as PostgreSQL sends it, of one of the types that Synapse's columns have.
pub(super) struct Wire<'a>(pub(super) Column<'a>);

impl<'a> FromSql<'a> for Wire<'a> {
    fn from_sql(
        of: &Type,
        raw: &'a [u8],
    ) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(match *of {
            Type::BOOL => Column::Flag(bool::from_sql(of, raw)?),
            Type::INT2 => Column::Int(i16::from_sql(of, raw)?.into()),
            Type::INT4 => Column::Int(i32::from_sql(of, raw)?.into()),
            Type::INT8 => Column::Int(i64::from_sql(of, raw)?),
            Type::BYTEA => Column::Bytes(raw),
            // One byte with the format's version, then the text.
            Type::JSONB => Column::Text(raw.get(1..).unwrap_or_default()),
            _ => Column::Text(raw),
        }))
    }

    fn accepts(of: &Type) -> bool {
        matches!(
            *of,
            Type::BOOL
                | Type::INT2
                | Type::INT4
                | Type::INT8
                | Type::BYTEA
                | Type::JSON
                | Type::JSONB
                | Type::TEXT
                | Type::VARCHAR
                | Type::BPCHAR
                | Type::NAME
                | Type::UNKNOWN
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column<'a>(of: &Type, raw: &'a [u8]) -> Column<'a> {
        assert!(Wire::accepts(of));
        Wire::from_sql(of, raw).unwrap().0
    }

    #[test]
    fn every_type_of_synapses_is_read() {
        assert_eq!(column(&Type::BOOL, &[1]), Column::Flag(true));
        assert_eq!(column(&Type::INT2, &[255, 255]), Column::Int(-1));
        assert_eq!(column(&Type::INT4, &[0, 0, 1, 0]), Column::Int(256));
        assert_eq!(
            column(&Type::INT8, &[127, 255, 255, 255, 255, 255, 255, 255]),
            Column::Int(i64::MAX)
        );
        assert_eq!(column(&Type::BYTEA, b"\0\xff"), Column::Bytes(b"\0\xff"));
        assert_eq!(column(&Type::JSONB, b"\x01{}"), Column::Text(b"{}"));
        assert_eq!(
            column(&Type::TEXT, "ä\t\\N".as_bytes()),
            Column::Text("ä\t\\N".as_bytes())
        );
        assert!(!Wire::accepts(&Type::FLOAT8) && !Wire::accepts(&Type::TIMESTAMPTZ));
        assert!(Wire::from_sql(&Type::INT8, &[1]).is_err());
    }

    #[test]
    fn what_keeps_it_from_connecting_is_named() {
        let refusal = |text: &str| Postgres::open(&text.into(), None).err().unwrap();
        let lines = [
            refusal("host=127.0.0.1 port=1 user=u password=s3cret"),
            refusal("host=/no/such/folder user=u password=s3cret"),
            refusal("host=127.0.0.1 port=1 user=u password=s3cret sslmode=require"),
        ];
        insta::assert_snapshot!(lines.join("\n"), @r"
        no connection (Connection refused (os error 111)): check host and port, and that PostgreSQL runs
        no connection (No such file or directory (os error 2)): check host and port, and that PostgreSQL runs
        sslmode=require asks for TLS, which Ferryman doesn't speak to PostgreSQL: connect through its socket or an SSH tunnel, with sslmode=disable
        ");
    }
}
