//! Which of Synapse's database layouts this is, and whether Synapse has finished changing it.
//!
//! The numbers are those of Synapse's `storage/schema/__init__.py`, its tables `schema_version` and
//! `background_updates` those of `storage/schema/common`.

use super::Database;
use crate::{Error, Result};

/// The oldest layout whose tables hold what is read here: from 82 on (Synapse 1.92), no change between two versions
/// alters or drops a column that is read. What later ones add (`users.suspended`, `profiles.fields`,
/// `local_media_repository.sha256`) is looked for in the table itself ([`Database::has_column`]), because Synapse also
/// adds columns without a new number.
pub const OLDEST: i64 = 82;

/// The newest layout that was read: that of Synapse 1.163.
pub const NEWEST: i64 = 94;

/// Unfinished changes that a warning names: a new Synapse has forty of them.
const NAMED: usize = 5;

/// A layout that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaVersion {
    /// From [`OLDEST`] to [`NEWEST`].
    pub version: i64,
    /// Changes to its rows that Synapse does little by little and has not finished: what is read may be incomplete.
    pub pending: Vec<String>,
}

impl SchemaVersion {
    /// Looks at the tables. Anything but a known version of Synapse's is refused.
    pub fn read(database: &mut Database) -> Result<Self> {
        let refused = |database: &Database, reason: String| Error::Database {
            place: database.place().to_owned(),
            reason,
        };
        if !database.has_table("schema_version")? || !database.has_table("users")? {
            let reason = "it has none of Synapse's tables: name the database that Synapse uses";
            return Err(refused(database, reason.to_owned()));
        }
        let mut version = None;
        database.each("SELECT version FROM schema_version", &mut |row| {
            version = row.int(0);
            Ok(())
        })?;
        match version {
            Some(version) if (OLDEST..=NEWEST).contains(&version) => Ok(Self {
                version,
                pending: pending(database)?,
            }),
            Some(version) => {
                let remedy = if version < OLDEST {
                    "update Synapse first"
                } else {
                    "look for a newer Ferryman, or export by the Admin API"
                };
                Err(refused(
                    database,
                    format!(
                        "its schema version is {version}, and the known ones are {OLDEST} to {NEWEST}: {remedy}"
                    ),
                ))
            }
            None => Err(refused(
                database,
                "it names no schema version: start Synapse once, so that it finishes its tables"
                    .to_owned(),
            )),
        }
    }

    /// A warning about unfinished changes.
    #[must_use]
    pub fn warning(&self) -> Option<String> {
        let named = self.pending.len().min(NAMED);
        let more = match self.pending.len() - named {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        (named > 0).then(|| {
            format!(
                "Synapse has not finished its background updates ({}{more}): let it run until they are done, \
                 or parts of the export may be missing",
                self.pending[..named].join(", ")
            )
        })
    }
}

fn pending(database: &mut Database) -> Result<Vec<String>> {
    let mut pending = Vec::new();
    let name = database.bytewise("update_name");
    database.each(
        &format!("SELECT update_name FROM background_updates ORDER BY {name}"),
        &mut |row| {
            pending.extend(row.text(0).map(str::to_owned));
            Ok(())
        },
    )?;
    Ok(pending)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::database::tests::database;

    fn synapse(version: &str, updates: &str) -> Database {
        database(&format!(
            "CREATE TABLE users (name TEXT); CREATE TABLE schema_version (version INTEGER);
             CREATE TABLE background_updates (update_name TEXT); {version}; {updates}"
        ))
    }

    #[test]
    fn known_versions_are_read() {
        for version in [OLDEST, NEWEST] {
            let sql = format!("INSERT INTO schema_version VALUES ({version})");
            let read = SchemaVersion::read(&mut synapse(&sql, "")).unwrap();
            assert_eq!(read.version, version);
            assert_eq!(read.warning(), None);
        }
    }

    #[test]
    fn unfinished_changes_are_named() {
        let mut database = synapse(
            "INSERT INTO schema_version VALUES (94)",
            "INSERT INTO background_updates VALUES ('populate_b'), ('populate_a')",
        );
        let read = SchemaVersion::read(&mut database).unwrap();
        insta::assert_snapshot!(read.warning().unwrap(), @"Synapse has not finished its background updates (populate_a, populate_b): let it run until they are done, or parts of the export may be missing");
    }

    #[test]
    fn anything_else_is_refused() {
        let refusal = |mut database: Database| {
            let error = SchemaVersion::read(&mut database).unwrap_err();
            assert_eq!(error.exit_code(), 11);
            error.to_string().replace(database.place(), "FILE")
        };
        let lines = [
            synapse("INSERT INTO schema_version VALUES (81)", ""),
            synapse("INSERT INTO schema_version VALUES (95)", ""),
            synapse("", ""),
            database("CREATE TABLE users (name TEXT)"),
        ]
        .map(refusal);
        insta::assert_snapshot!(lines.join("\n"), @r"
        Synapse's database (FILE): its schema version is 81, and the known ones are 82 to 94: update Synapse first
        Synapse's database (FILE): its schema version is 95, and the known ones are 82 to 94: look for a newer Ferryman, or export by the Admin API
        Synapse's database (FILE): it names no schema version: start Synapse once, so that it finishes its tables
        Synapse's database (FILE): it has none of Synapse's tables: name the database that Synapse uses
        ");
    }
}
