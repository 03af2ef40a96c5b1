//! Orders that wait to be confirmed.

use rusqlite::{OptionalExtension, Row, params};

use super::{Store, stored};
use crate::Result;

/// An order, with the preview that was shown of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// What confirms it.
    pub code: String,
    /// Whose order it is: nobody else confirms it.
    pub sender: String,
    /// Its words.
    pub words: String,
    /// Of the plan that was shown.
    pub digest: [u8; 32],
    /// The message that showed it.
    pub preview: String,
    /// When it is forgotten, in milliseconds since the Unix epoch.
    pub until_ms: u64,
}

const FIELDS: &str = "code, sender, words, digest, preview, until";

impl Store {
    /// Keeps an order. An earlier one of the same person is forgotten: they have seen a newer preview.
    pub fn wait_for(&self, order: &Waiting) -> Result<()> {
        self.transaction(|db| {
            db.execute("delete from waiting where sender = ?1", [&order.sender])?;
            db.execute(
                "insert into waiting values (?1, ?2, ?3, ?4, ?5, ?6)",
                params![
                    order.code,
                    order.sender,
                    order.words,
                    order.digest,
                    order.preview,
                    stored(order.until_ms)
                ],
            )
        })
        .map(drop)
    }

    /// The order of a code, whatever its letters' case.
    pub fn waiting_as(&self, code: &str) -> Result<Option<Waiting>> {
        self.run(|db| {
            let select = format!("select {FIELDS} from waiting where code = upper(?1)");
            db.query_row(&select, [code], order).optional()
        })
    }

    /// The order whose preview a message is.
    pub fn waiting_below(&self, preview: &str) -> Result<Option<Waiting>> {
        self.run(|db| {
            let select = format!("select {FIELDS} from waiting where preview = ?1");
            db.query_row(&select, [preview], order).optional()
        })
    }

    /// An order is confirmed by an event whose command has begun, and known as `name` from now on; `false` if it was forgotten
    /// before.
    pub fn confirm(&self, code: &str, event_id: &str, name: &str) -> Result<bool> {
        self.transaction(|db| {
            let gone = db.execute("delete from waiting where code = ?1", [code])?;
            if gone == 1 {
                db.execute(
                    "update orders set name = ?2 where event_id = ?1",
                    [event_id, name],
                )?;
            }
            Ok(gone == 1)
        })
    }

    /// Forgets an order; `false` if it was forgotten before: a code counts once.
    pub fn forget(&self, code: &str) -> Result<bool> {
        self.run(|db| db.execute("delete from waiting where code = ?1", [code]))
            .map(|gone| gone == 1)
    }
}

fn order(row: &Row<'_>) -> rusqlite::Result<Waiting> {
    Ok(Waiting {
        code: row.get(0)?,
        sender: row.get(1)?,
        words: row.get(2)?,
        digest: row.get(3)?,
        preview: row.get(4)?,
        until_ms: row.get::<_, i64>(5)?.unsigned_abs(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bot::store::Cut;

    #[test]
    fn an_order_is_kept_over_a_restart_and_counts_once() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let order = |code: &str, sender: &str| Waiting {
            code: code.to_owned(),
            sender: sender.to_owned(),
            words: "!ferry import".to_owned(),
            digest: [7; 32],
            preview: format!("$of-{code}"),
            until_ms: 9,
        };
        let (first, second) = (order("AAAAA", "@anna:x"), order("BBBBB", "@anna:x"));
        let other = order("CCCCC", "@ben:x");
        for order in [&first, &second, &other] {
            store.wait_for(order).unwrap();
        }
        drop(store);
        let store = Store::open(dir.path()).unwrap();
        assert_eq!(store.waiting_as("AAAAA").unwrap(), None);
        assert_eq!(store.waiting_as("bbbbb").unwrap().as_ref(), Some(&second));
        assert_eq!(store.waiting_below("$of-CCCCC").unwrap(), Some(other));
        let cut = Cut {
            event_id: "$yes".to_owned(),
            room: "!r".to_owned(),
            below: "$yes".to_owned(),
            name: "confirm".to_owned(),
        };
        store.begin(0, &cut).unwrap();
        assert!(!store.confirm("AAAAA", "$yes", "import").unwrap());
        assert_eq!(store.cut_off().unwrap()[0].name, "confirm");
        assert!(store.confirm("CCCCC", "$yes", "import").unwrap());
        assert_eq!(store.cut_off().unwrap()[0].name, "import");
        assert!(!store.confirm("CCCCC", "$yes", "import").unwrap());
        assert!(store.forget("BBBBB").unwrap());
        assert!(!store.forget("BBBBB").unwrap());
        assert_eq!(store.waiting_as("BBBBB").unwrap(), None);
    }
}
