//! Which server a database belongs to, and whether it can be read.

use ruma::{OwnedServerName, OwnedUserId, ServerName};

use super::{Database, schema_version::SchemaVersion};
use crate::{
    Error, Result,
    bundle::SourceKind,
    source::{about::About, intake::problem},
};

/// Refuses what is no known Synapse's. A database without a user is taken for that of `configured`.
pub(super) fn read(database: &mut Database, configured: &ServerName) -> Result<About> {
    let schema = SchemaVersion::read(database)?;
    let warnings = schema
        .warning()
        .map(|reason| problem("background updates", configured, &reason));
    Ok(About {
        source: SourceKind::Database,
        server_name: server_name(database)?.unwrap_or_else(|| configured.to_owned()),
        synapse_version: None,
        stream_position: stream_position(database)?,
        unseen: Vec::new(),
        warnings: warnings.into_iter().collect(),
    })
}

/// The server of the first user: Synapse has only its own in this table.
fn server_name(database: &mut Database) -> Result<Option<OwnedServerName>> {
    let (mut first, mut server) = (None, None);
    let name = database.bytewise("name");
    database.each(
        &format!("SELECT name FROM users ORDER BY {name} LIMIT 1"),
        &mut |row| {
            first = row.text(0).map(str::to_owned);
            server = first
                .as_deref()
                .and_then(|name| OwnedUserId::try_from(name).ok())
                .map(|user| user.server_name().to_owned());
            Ok(())
        },
    )?;
    match (first, server) {
        (Some(first), None) => Err(Error::Database {
            place: database.place().to_owned(),
            reason: format!(
                "its first user is called {first:?}, which is no user ID: is this really Synapse's database?"
            ),
        }),
        (_, server) => Ok(server),
    }
}

/// Positions below zero are those of backfilled events.
fn stream_position(database: &mut Database) -> Result<Option<u64>> {
    let mut position = None;
    database.each("SELECT MAX(stream_ordering) FROM events", &mut |row| {
        position = row.count(0);
        Ok(())
    })?;
    Ok(position)
}
