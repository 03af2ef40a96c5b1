//! The last word about each order, kept until the room has it.

use rusqlite::{Row, params};

use super::{Store, stored};
use crate::Result;

/// An answer that is to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The event that it is about.
    pub event_id: String,
    /// Where.
    pub room: String,
    /// The message that is answered: the order itself or, for a reaction, what it is about.
    pub below: String,
    /// Which of the messages about that event: sent again under the same name, it is the same message.
    pub what: String,
    /// Its text.
    pub markdown: String,
}

const FIELDS: &str = "event_id, room, below, what, markdown";

impl Store {
    /// Nothing more is to be done about an event but to say this.
    pub fn answer(&self, number: i64, answer: &Answer, now_ms: u64) -> Result<()> {
        self.transaction(|db| {
            db.execute("delete from queue where number = ?1", [number])?;
            put(db, answer, now_ms)
        })
    }

    /// A command is over; this is to be said about it.
    pub fn end_with(&self, answer: &Answer, now_ms: u64) -> Result<()> {
        self.transaction(|db| {
            db.execute("delete from orders where event_id = ?1", [&answer.event_id])?;
            put(db, answer, now_ms)
        })
    }

    /// The room has it.
    pub fn sent(&self, answer: &Answer) -> Result<()> {
        let key = [&answer.event_id, &answer.what];
        self.run(|db| db.execute("delete from outbox where event_id = ?1 and what = ?2", key))
            .map(drop)
    }

    /// What is still to be said, of no earlier than `since_ms`; the rest is forgotten.
    pub fn unsent(&self, since_ms: u64) -> Result<Vec<Answer>> {
        self.transaction(|db| {
            db.execute("delete from outbox where at < ?1", [stored(since_ms)])?;
            db.prepare(&format!("select {FIELDS} from outbox order by rowid"))?
                .query_map([], answer)?
                .collect()
        })
    }
}

fn put(db: &rusqlite::Transaction<'_>, answer: &Answer, now_ms: u64) -> rusqlite::Result<()> {
    let Answer {
        event_id,
        room,
        below,
        what,
        markdown,
    } = answer;
    db.execute(
        "insert or replace into outbox values (?1, ?2, ?3, ?4, ?5, ?6)",
        params![event_id, room, below, what, markdown, stored(now_ms)],
    )
    .map(drop)
}

fn answer(row: &Row<'_>) -> rusqlite::Result<Answer> {
    Ok(Answer {
        event_id: row.get(0)?,
        room: row.get(1)?,
        below: row.get(2)?,
        what: row.get(3)?,
        markdown: row.get(4)?,
    })
}

#[cfg(test)]
mod tests {
    use super::{super::Cut, *};

    fn about(event_id: &str, markdown: &str) -> Answer {
        Answer {
            event_id: event_id.into(),
            room: "!r".into(),
            below: event_id.into(),
            what: "answer".into(),
            markdown: markdown.into(),
        }
    }

    #[test]
    fn an_answer_is_kept_until_it_is_sent_and_nothing_else_is_due_then() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        for (id, at) in [("$a", 10), ("$b", 11)] {
            let event = (id.to_owned(), "{}".to_owned());
            store.accept(id, &[event], at).unwrap();
        }
        let first = store.next().unwrap().unwrap();
        let cut = Cut {
            event_id: "$a".into(),
            room: "!r".into(),
            below: "$a".into(),
            name: "import".into(),
        };
        store.begin(first.number, &cut).unwrap();
        store.end_with(&about("$a", "carried"), 20).unwrap();
        let second = store.next().unwrap().unwrap();
        store.answer(second.number, &about("$b", "no"), 30).unwrap();
        assert!(store.cut_off().unwrap().is_empty());
        assert!(store.next().unwrap().is_none());
        drop(store);
        let store = Store::open(dir.path()).unwrap();
        let both = [about("$a", "carried"), about("$b", "no")];
        assert_eq!(store.unsent(20).unwrap(), both);
        assert_eq!(store.unsent(21).unwrap(), both[1..]);
        store.sent(&both[1]).unwrap();
        assert!(store.unsent(0).unwrap().is_empty());
    }
}
