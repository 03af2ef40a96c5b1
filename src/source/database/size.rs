//! How much room Synapse's database takes.

use super::{Database, Engine};
use crate::Result;

impl Database {
    /// Its bytes: of SQLite all pages, of PostgreSQL what `pg_database_size` says.
    pub fn bytes(&mut self) -> Result<Option<u64>> {
        let sql = match &self.engine {
            Engine::Sqlite(_) => {
                "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"
            }
            Engine::Postgres(_) => "SELECT pg_database_size(current_database())",
        };
        let mut bytes = None;
        self.each(sql, &mut |row| {
            bytes = row.count(0);
            Ok(())
        })?;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::database;

    #[test]
    fn a_database_has_whole_pages() {
        let bytes = database("CREATE TABLE t (a TEXT)")
            .bytes()
            .unwrap()
            .unwrap();
        assert!(bytes >= 1024 && bytes.is_multiple_of(512), "{bytes}");
    }
}
