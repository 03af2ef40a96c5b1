//! Which rooms there are, and what Synapse notes of each.

use std::collections::BTreeMap;

use ruma::OwnedRoomId;

use crate::{
    Result,
    source::{
        admin_api::ListedRoom,
        database::Database,
        intake::{Intake, Record, problem},
    },
};

/// A room that is wanted.
#[derive(Debug)]
pub(super) struct Listed {
    pub(super) id: OwnedRoomId,
    pub(super) notes: ListedRoom,
    /// Its events in the database, outliers included.
    pub(super) events: u64,
    /// Whether the room before it in the list is also the one before it in the database.
    pub(super) adjoins: bool,
}

/// All wanted rooms by ID. Among them are those that the server only knows from an invite or a knock: they have outliers
/// and nothing else.
pub(super) fn read(database: &mut Database, to: &Intake) -> Result<Vec<Listed>> {
    let mut rooms = BTreeMap::<String, (ListedRoom, u64)>::new();
    database.each(
        "SELECT r.room_id, r.room_version, r.creator, r.is_public, s.name, s.canonical_alias \
         FROM rooms r LEFT JOIN room_stats_state s ON s.room_id = r.room_id",
        &mut |row| {
            let text = |column| row.text(column).map(str::to_owned);
            let notes = ListedRoom {
                version: text(1),
                creator: text(2),
                public: row.flag(3),
                name: text(4),
                canonical_alias: text(5),
                ..ListedRoom::default()
            };
            rooms.insert(text(0).unwrap_or_default(), (notes, 0));
            Ok(())
        },
    )?;
    database.each(
        "SELECT room_id, count(*) FROM events GROUP BY room_id",
        &mut |row| {
            let room = row.text(0).unwrap_or_default().to_owned();
            rooms.entry(room).or_default().1 = row.count(1).unwrap_or_default();
            Ok(())
        },
    )?;
    let mut aliases = BTreeMap::<String, Vec<String>>::new();
    if !to.matcher().takes_all_rooms() {
        database.each("SELECT room_id, room_alias FROM room_aliases", &mut |row| {
            if let (Some(room), Some(alias)) = (row.text(0), row.text(1)) {
                let aliases = aliases.entry(room.to_owned()).or_default();
                aliases.push(alias.to_owned());
            }
            Ok(())
        })?;
    }
    let mut wanted = Vec::new();
    let mut adjoins = false;
    for (room, (notes, events)) in rooms {
        match OwnedRoomId::try_from(room.as_str()) {
            Ok(id) => {
                let aliases = aliases.get(&room).map_or(&[][..], Vec::as_slice);
                let is_wanted = to.matcher().room(&id, aliases.iter().map(String::as_str));
                if is_wanted {
                    wanted.push(Listed {
                        id,
                        notes,
                        events,
                        adjoins,
                    });
                }
                adjoins = is_wanted;
            }
            Err(error) => {
                to.send_blocking(Record::Problem(problem("room", &room, &error)))?;
                adjoins = false;
            }
        }
    }
    Ok(wanted)
}
