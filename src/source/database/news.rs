//! Events that Synapse has taken in lately, by their place in its stream: what a running migration follows.

use std::collections::BTreeSet;

use ruma::{EventId, OwnedRoomId, RoomVersionId};

use super::Database;
use crate::{
    Result,
    model::{event_line::EventLine, pdu, pdu::PduHeader},
    source::room::repair,
};

/// Places of the stream that are looked at again: of several writers, one may be done before an earlier one is.
const LATE: u64 = 200;

/// Events that are read at once.
const MOST: u64 = 1_000;

/// How far the stream was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Followed {
    /// Nothing up to here is looked at.
    begin: u64,
    /// Places behind that which were read, the newest of them.
    seen: BTreeSet<u64>,
}

/// An event that was not there before.
#[derive(Debug)]
pub struct Fresh {
    /// When Synapse had it, in milliseconds since the Unix epoch.
    pub received_ts: u64,
    /// Its room.
    pub room_id: OwnedRoomId,
    /// What it is good for.
    pub kind: Kind,
}

/// Whether it can be passed on by itself.
#[derive(Debug)]
pub enum Kind {
    /// As other servers would get it.
    Live(Box<(EventLine, PduHeader)>),
    /// Synapse shows it to nobody.
    Hidden,
    /// It can't travel as it is, or not be read; why, as a clause.
    Odd(String),
}

impl Followed {
    /// Everything behind a position of the stream.
    #[must_use]
    pub fn from(position: u64) -> Self {
        Self {
            begin: position,
            seen: BTreeSet::new(),
        }
    }

    /// Where to read from.
    fn after(&self) -> u64 {
        let newest = self.seen.last().copied().unwrap_or(self.begin);
        self.begin.max(newest.saturating_sub(LATE))
    }

    /// Notes a place; tells whether it is new.
    fn pass(&mut self, place: u64) -> bool {
        let is_new = self.seen.insert(place);
        let after = self.after();
        if self.seen.first().is_some_and(|first| *first <= after) {
            self.seen = self.seen.split_off(&(after + 1));
            self.begin = after;
        }
        is_new
    }
}

/// What has come since, oldest first, and no more of it than is good at once; events that are part of no timeline not
/// included.
pub fn read(database: &mut Database, followed: &mut Followed) -> Result<Vec<Fresh>> {
    let sql = format!(
        "SELECT e.event_id, j.json, j.internal_metadata, e.rejection_reason, e.room_id, e.stream_ordering, \
         e.received_ts, r.room_version, x.user_id FROM events e LEFT JOIN event_json j ON j.event_id = e.event_id \
         LEFT JOIN rooms r ON r.room_id = e.room_id LEFT JOIN erased_users x ON x.user_id = e.sender \
         WHERE e.stream_ordering > {} AND e.outlier = false ORDER BY e.stream_ordering LIMIT {}",
        followed.after(),
        MOST + LATE
    );
    let mut all = Vec::new();
    database.each(&sql, &mut |row| {
        let room = row.text(4).and_then(|room| room.try_into().ok());
        let (Some(place), Some(room_id)) = (row.count(5), room) else {
            return Ok(());
        };
        if !followed.pass(place) {
            return Ok(());
        }
        let room_id: OwnedRoomId = room_id;
        let columns = Columns {
            event_id: row.text(0),
            json: row.text(1),
            metadata: row.text(2),
            rejected: row.text(3).is_some(),
            version: row.text(7),
            by_erased: row.text(8).is_some(),
        };
        let kind = columns.kind(&room_id).unwrap_or_else(Kind::Odd);
        all.push(Fresh {
            received_ts: row.count(6).unwrap_or_default(),
            room_id,
            kind,
        });
        Ok(())
    })?;
    Ok(all)
}

struct Columns<'a> {
    event_id: Option<&'a str>,
    json: Option<&'a str>,
    metadata: Option<&'a str>,
    rejected: bool,
    version: Option<&'a str>,
    by_erased: bool,
}

impl Columns<'_> {
    fn kind(&self, room: &OwnedRoomId) -> std::result::Result<Kind, String> {
        let version = self.version.ok_or("its room version is unknown")?;
        let version = RoomVersionId::try_from(version).map_err(|error| error.to_string())?;
        let event_id = self.event_id.ok_or("it has no event ID")?;
        let stored = repair::Stored {
            json: self.json.ok_or("the database has no JSON of it")?,
            metadata: self.metadata.ok_or("the database has no notes on it")?,
            event_id: <&EventId>::try_from(event_id).map_err(|error| error.to_string())?,
            rejected: self.rejected,
            redacted_by: None,
        };
        let repaired = repair::restore(&stored, room, &version)?;
        if !repaired.line.is_in_timeline() {
            return Ok(Kind::Hidden);
        }
        // Synapse shows such events to nobody but empty, and so does an export.
        if self.by_erased {
            return Err("who sent it was erased".to_owned());
        }
        if let Some(doubt) = repaired.doubt {
            return Err(doubt.to_owned());
        }
        if !pdu::can_travel(&repaired.line.pdu, &version) {
            return Err("it has numbers that canonical JSON doesn't have".to_owned());
        }
        Ok(Kind::Live(Box::new((repaired.line, repaired.header))))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rusqlite::Connection;

    use super::*;
    use crate::{config::DatabaseAddress, lab::synthetic};

    /// What is new, as `room event`, in the order in which it is told.
    fn told(database: &mut Database, followed: &mut Followed) -> Vec<String> {
        let fresh = read(database, followed).unwrap().into_iter();
        fresh
            .map(|it| match it.kind {
                Kind::Live(event) => event.0.event_id.to_string(),
                Kind::Hidden => "hidden".to_owned(),
                Kind::Odd(reason) => reason,
            })
            .collect()
    }

    #[test]
    fn each_event_comes_once_and_what_is_odd_says_why() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("homeserver.db");
        synthetic::write(&path, 2, 30).unwrap();
        let synapse = Connection::open(&path).unwrap();
        let all: Vec<(u64, String)> = synapse
            .prepare("SELECT stream_ordering, event_id FROM events WHERE outlier = 0 ORDER BY 1")
            .unwrap()
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap();
        let (before, after) = all.split_at(4);
        let [first, second, third, ..] = after else {
            panic!("{after:?}");
        };
        let run = |sql: &str| synapse.execute_batch(sql).unwrap();
        run(&format!(
            "UPDATE events SET rejection_reason = 'auth' WHERE event_id = '{}';
             UPDATE event_json SET json = 'none' WHERE event_id = '{}'",
            first.1, second.1
        ));
        let open = || Database::open(&DatabaseAddress::Sqlite(path.clone())).unwrap();
        let mut followed = Followed::from(before[3].0);
        let news = told(&mut open(), &mut followed);
        assert_eq!(news.len(), after.len());
        assert_eq!(news[0], "hidden");
        assert!(news[1].contains("expected"), "{}", news[1]);
        assert_eq!(news[2], third.1);
        assert_eq!(told(&mut open(), &mut followed), Vec::<String>::new());

        // One whose writer was slower, at a place between others.
        let place = third.0;
        run(&format!(
            "UPDATE events SET stream_ordering = stream_ordering + 100 WHERE stream_ordering > {place}"
        ));
        told(&mut open(), &mut followed);
        run(&format!(
            "UPDATE events SET stream_ordering = {} WHERE stream_ordering = {place}",
            place + 50
        ));
        assert_eq!(told(&mut open(), &mut followed).concat(), third.1);
    }

    #[test]
    fn what_an_erased_user_said_does_not_go_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("homeserver.db");
        synthetic::write(&path, 2, 30).unwrap();
        let synapse = Connection::open(&path).unwrap();
        let sender: String = synapse
            .query_row(
                "SELECT sender FROM events ORDER BY stream_ordering DESC LIMIT 1",
                [],
                |row| row.get(0),
            )
            .unwrap();
        synapse
            .execute("INSERT INTO erased_users VALUES (?1)", [&sender])
            .unwrap();
        let mut database = Database::open(&DatabaseAddress::Sqlite(path)).unwrap();
        let mut by_others = 0;
        for fresh in read(&mut database, &mut Followed::from(0)).unwrap() {
            match fresh.kind {
                Kind::Live(event) => {
                    assert!(
                        !event
                            .0
                            .pdu
                            .get()
                            .contains(&format!(r#""sender":"{sender}""#))
                    );
                    by_others += 1;
                }
                Kind::Odd(reason) => assert_eq!(reason, "who sent it was erased"),
                Kind::Hidden => panic!("nothing is hidden here"),
            }
        }
        let (all, theirs): (i64, i64) = synapse
            .query_row(
                "SELECT count(*), sum(sender = ?1) FROM events WHERE outlier = 0 AND stream_ordering > 0",
                [&sender],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )
            .unwrap();
        assert!(theirs > 0);
        assert_eq!(by_others, all - theirs);
    }

    proptest! {
        #[test]
        fn whatever_comes_late_within_reason_is_new_once(late in proptest::collection::vec(0_u64..LATE, 1..400)) {
            let mut followed = Followed::from(1_000);
            let mut known = BTreeSet::new();
            for (number, late) in late.into_iter().enumerate() {
                let newest = known.last().copied().unwrap_or(1_000).max(1_000 + number as u64);
                let place = (newest + 1).saturating_sub(late);
                if place > followed.after() {
                    prop_assert_eq!(followed.pass(place), known.insert(place));
                }
                prop_assert!(followed.seen.len() <= usize::try_from(LATE).unwrap() + 1);
            }
        }
    }
}
