//! Which events are redacted, by Synapse's own rules.
//!
//! Source: `_fetch_event_rows` and `_maybe_redact_event_row` in Synapse's `storage/databases/main/events_worker.py`
//! (1.163).

use std::collections::HashMap;

use ruma::{EventId, OwnedEventId, OwnedRoomId, OwnedUserId, RoomId, UserId};
use serde::Deserialize;

use super::{list::Listed, stretch::within};
use crate::{
    Result,
    source::database::{Database, Row},
};

/// What Synapse's database has of redactions; older ones have less.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layout {
    /// `redactions.recheck`: false for what Synapse has checked when it arrived.
    recheck: bool,
    /// `room_ban_redactions`: all that a banned member wrote (MSC4293).
    bans: bool,
}

impl Layout {
    pub(super) fn read(database: &mut Database) -> Result<Self> {
        Ok(Self {
            recheck: database.has_column("redactions", "recheck")?,
            bans: database.has_table("room_ban_redactions")?,
        })
    }
}

/// Redactions of a server that are kept in memory for all of its rooms. More are read with each stretch, by a query that
/// goes over all events of its rooms.
pub(super) const FEW: usize = 50_000;

/// The redactions of some rooms.
#[derive(Debug, Default)]
pub(super) struct Redactions {
    /// Redacted event → the redaction that Synapse takes.
    by_event: HashMap<OwnedEventId, OwnedEventId>,
    /// Room and sender → the event that redacts what they wrote.
    by_sender: HashMap<(OwnedRoomId, OwnedUserId), Ban>,
}

#[derive(Debug)]
struct Ban {
    redaction: OwnedEventId,
    /// The stream position from which it doesn't count any more.
    end: Option<i64>,
}

/// What the rules look at in the redacted event.
pub(super) struct Target<'a> {
    pub(super) event_id: &'a EventId,
    pub(super) room_id: &'a RoomId,
    pub(super) sender: Option<&'a str>,
    pub(super) kind: Option<&'a str>,
    pub(super) stream_ordering: i64,
}

impl Redactions {
    /// Those of all rooms, if they are few.
    pub(super) fn few(database: &mut Database, layout: Layout) -> Result<Option<Self>> {
        let sql = format!("SELECT 1 FROM redactions LIMIT {}", FEW + 1);
        let count = database.each(&sql, &mut |_| Ok(()))?;
        if count > FEW as u64 {
            return Ok(None);
        }
        Self::read(database, layout, None).map(Some)
    }

    /// Those of a stretch of rooms.
    pub(super) fn of_rooms(
        database: &mut Database,
        layout: Layout,
        stretch: &[Listed],
    ) -> Result<Self> {
        Self::read(database, layout, Some(stretch))
    }

    /// Reads those that Synapse obeys, of events in these rooms, or in all.
    fn read(database: &mut Database, layout: Layout, rooms: Option<&[Listed]>) -> Result<Self> {
        let mut redactions = Self::default();
        let recheck = if layout.recheck { "r.recheck" } else { "1 = 1" };
        let sql = format!(
            "SELECT t.event_id, r.event_id, t.room_id, t.sender, {recheck}, e.room_id, e.sender, \
             e.rejection_reason, j.internal_metadata \
             FROM events t JOIN redactions r ON r.redacts = t.event_id \
             LEFT JOIN events e ON e.event_id = r.event_id LEFT JOIN event_json j ON j.event_id = r.event_id \
             WHERE {} AND t.type <> 'm.room.create' \
             ORDER BY CASE WHEN {recheck} THEN 1 ELSE 0 END, r.received_ts, e.stream_ordering",
            of(database, rooms, "t.room_id")
        );
        database.each(&sql, &mut |row| {
            let checked = row.flag(4) == Some(false);
            if (checked || counts(row, 2))
                && let (Some(event), Some(redaction)) = (id(row, 0), id(row, 1))
            {
                redactions.by_event.entry(event).or_insert(redaction);
            }
            Ok(())
        })?;
        if layout.bans {
            redactions.read_bans(database, rooms)?;
        }
        Ok(redactions)
    }

    fn read_bans(&mut self, database: &mut Database, rooms: Option<&[Listed]>) -> Result<()> {
        let sql = format!(
            "SELECT b.redacting_event_id, b.redact_end_ordering, b.room_id, b.user_id, 1 = 1, e.room_id, e.sender, \
             e.rejection_reason, j.internal_metadata FROM room_ban_redactions b \
             LEFT JOIN events e ON e.event_id = b.redacting_event_id \
             LEFT JOIN event_json j ON j.event_id = b.redacting_event_id WHERE {}",
            of(database, rooms, "b.room_id")
        );
        database.each(&sql, &mut |row| {
            let room = row.text(2).and_then(|room| room.try_into().ok());
            let sender = row.text(3).and_then(|sender| sender.try_into().ok());
            if counts(row, 2)
                && let (Some(redaction), Some(room), Some(sender)) = (id(row, 0), room, sender)
            {
                // Synapse takes 0 for none, too.
                let end = row.int(1).filter(|end| *end != 0);
                self.by_sender
                    .insert((room, sender), Ban { redaction, end });
            }
            Ok(())
        })?;
        Ok(())
    }

    /// The redaction of an event.
    pub(super) fn of(&self, target: &Target<'_>) -> Option<&EventId> {
        if let Some(redaction) = self.by_event.get(target.event_id) {
            return Some(redaction);
        }
        if self.by_sender.is_empty() || target.kind == Some("m.room.create") {
            return None;
        }
        let sender = <&UserId>::try_from(target.sender?).ok()?;
        let key = (target.room_id.to_owned(), sender.to_owned());
        let ban = self.by_sender.get(&key)?;
        let counts = ban.end.is_none_or(|end| target.stream_ordering < end);
        counts.then_some(&*ban.redaction)
    }
}

/// The condition that a column holds the ID of one of the rooms.
fn of(database: &Database, rooms: Option<&[Listed]>, column: &str) -> String {
    rooms.map_or_else(
        || "1 = 1".to_owned(),
        |stretch| within(database, stretch, column),
    )
}

fn id(row: &Row<'_>, column: usize) -> Option<OwnedEventId> {
    row.text(column)?.try_into().ok()
}

/// Whether a redaction that Synapse has not checked is one: there, accepted, in the same room, and if it is so noted, by
/// somebody of the same server. From `first` on the row has: the event's room and sender, anything, the redaction's room,
/// sender, rejection and notes.
fn counts(row: &Row<'_>, first: usize) -> bool {
    #[derive(Deserialize)]
    struct Notes {
        #[serde(default)]
        recheck_redaction: bool,
    }
    let Some(notes) = row.text(first + 6) else {
        return false;
    };
    let Ok(notes) = serde_json::from_str::<Notes>(notes) else {
        return false;
    };
    let server = |column| row.text(column)?.split_once(':').map(|(_, server)| server);
    let same_room = row.text(first + 3).is_some() && row.text(first) == row.text(first + 3);
    let same_server = server(first + 1).is_some() && server(first + 1) == server(first + 4);
    same_room && row.text(first + 5).is_none() && (!notes.recheck_redaction || same_server)
}
