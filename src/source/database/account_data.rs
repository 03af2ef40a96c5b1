//! `account_data`, `room_account_data` and `room_tags`.

use std::collections::BTreeMap;

use ruma::OwnedRoomId;
use serde_json::value::{RawValue, to_raw_value};

use super::{
    Database,
    batch::{Batch, json, text},
};
use crate::Result;

/// The type under which `/sync` gives a room's tags.
const TAGS: &str = "m.tag";

/// Global account data, that of rooms, and tags, contents as they are.
pub(super) fn read(batch: &mut Batch, database: &mut Database) -> Result<()> {
    global(batch, database)?;
    rooms(batch, database)?;
    tags(batch, database)
}

fn global(batch: &mut Batch, database: &mut Database) -> Result<()> {
    let sql = format!(
        "SELECT user_id, account_data_type, content FROM account_data WHERE user_id IN {}",
        batch.list()
    );
    batch.each(database, "account data", &sql, |user, row| {
        let kind = text(row, 1, "type")?;
        let content = json(row, 2, kind)?;
        user.account_data.global.insert(kind.to_owned(), content);
        Ok(())
    })
}

fn rooms(batch: &mut Batch, database: &mut Database) -> Result<()> {
    let sql = format!(
        "SELECT user_id, room_id, account_data_type, content FROM room_account_data WHERE user_id IN {}",
        batch.list()
    );
    batch.each(database, "room account data", &sql, |user, row| {
        let (room, kind) = (room(text(row, 1, "room")?)?, text(row, 2, "type")?);
        let content = json(row, 3, &format!("{kind} of {room}"))?;
        let rooms = &mut user.account_data.rooms;
        rooms
            .entry(room)
            .or_default()
            .insert(kind.to_owned(), content);
        Ok(())
    })
}

/// One row for each tag; `/sync` gives them as one content.
fn tags(batch: &mut Batch, database: &mut Database) -> Result<()> {
    type Tags = BTreeMap<String, Box<RawValue>>;
    let sql = format!(
        "SELECT user_id, room_id, tag, content FROM room_tags WHERE user_id IN {}",
        batch.list()
    );
    let mut all: BTreeMap<(String, OwnedRoomId), Tags> = BTreeMap::new();
    batch.each(database, "tag", &sql, |user, row| {
        let (room, tag) = (room(text(row, 1, "room")?)?, text(row, 2, "name")?);
        let content = json(row, 3, &format!("tag {tag} of {room}"))?;
        let key = (user.user.user_id.to_string(), room);
        all.entry(key).or_default().insert(tag.to_owned(), content);
        Ok(())
    })?;
    let mut all = all.into_iter().peekable();
    batch.settle("tag", |user| {
        let mut faults = Vec::new();
        while let Some(((_, room), tags)) =
            all.next_if(|((name, _), _)| name == user.user.user_id.as_str())
        {
            match to_raw_value(&BTreeMap::from([("tags", tags)])) {
                Ok(content) => {
                    let data = user.account_data.rooms.entry(room).or_default();
                    data.insert(TAGS.to_owned(), content);
                }
                Err(error) => faults.push(format!("tags of {room} can't be written ({error})")),
            }
        }
        faults
    });
    Ok(())
}

pub(super) fn room(id: &str) -> Result<OwnedRoomId, String> {
    OwnedRoomId::try_from(id).map_err(|error| format!("{id:?} is no room ID ({error})"))
}
