//! Servers that were given for joining rooms.

use ruma::OwnedServerName;
use rusqlite::{OptionalExtension, params};

use super::Ledger;
use crate::Result;

impl Ledger {
    /// Commits through which servers rooms are joined first.
    pub fn choose_vias(&self, via: &[OwnedServerName]) -> Result<()> {
        let names: Vec<_> = via.iter().map(|server| server.as_str()).collect();
        self.with(|database| {
            database.execute(
                "insert or replace into via_choice values (?1, ?2)",
                params![self.bundle, names.join(" ")],
            )
        })?;
        Ok(())
    }

    /// Those of the last import that named any.
    pub fn vias(&self) -> Result<Vec<OwnedServerName>> {
        let text: Option<String> = self.with(|database| {
            database
                .query_row(
                    "select via from via_choice where bundle = ?1",
                    params![self.bundle],
                    |row| row.get(0),
                )
                .optional()
        })?;
        let text = text.unwrap_or_default();
        let names = text.split(' ');
        Ok(names.filter_map(|name| name.try_into().ok()).collect())
    }
}

#[cfg(test)]
mod tests {
    use ruma::owned_server_name;

    use super::*;

    #[test]
    fn servers_are_kept_in_their_order() {
        let dir = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(&dir.path().join("ledger.sqlite"), "one").unwrap();
        assert!(ledger.vias().unwrap().is_empty());
        let via = [
            owned_server_name!("b.test"),
            owned_server_name!("a.test:8448"),
        ];
        ledger.choose_vias(&via).unwrap();
        assert_eq!(ledger.vias().unwrap(), via);
    }
}
