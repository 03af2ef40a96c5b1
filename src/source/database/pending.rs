//! `local_current_membership`: invites and knocks that wait, also in rooms that this server is not in.

use ruma::OwnedEventId;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    Database,
    account_data::room,
    batch::{Batch, json, text},
};
use crate::{
    Result,
    model::{pdu, pending::Pending},
    source::intake::Intake,
};

#[derive(Deserialize)]
struct Event {
    #[serde(default)]
    unsigned: Unsigned,
}

#[derive(Default, Deserialize)]
struct Unsigned {
    invite_room_state: Option<Vec<Box<RawValue>>>,
    knock_room_state: Option<Vec<Box<RawValue>>>,
}

#[derive(Deserialize)]
struct Stripped {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    state_key: String,
}

/// By room. The stripped state is what came with the invite, or with the answer to the knock.
pub(super) fn read(batch: &mut Batch, database: &mut Database, to: &Intake) -> Result<()> {
    let sql = format!(
        "SELECT m.user_id, m.room_id, m.membership, m.event_id, j.json FROM local_current_membership m \
         LEFT JOIN event_json j ON j.event_id = m.event_id \
         WHERE m.membership IN ('invite', 'knock') AND m.user_id IN {} ORDER BY {}",
        batch.list(),
        database.bytewise("m.room_id")
    );
    batch.each(database, "invite", &sql, |user, row| {
        let room_id = room(text(row, 1, "room")?)?;
        if !to.matcher().takes_all_rooms() && !to.matcher().room(&room_id, []) {
            return Ok(());
        }
        let event = text(row, 3, "event")?;
        let event_id = OwnedEventId::try_from(event)
            .map_err(|error| format!("{event:?} in {room_id} is no event ID ({error})"))?;
        let (mut pdu, mut state, mut faults) = (None, None, Vec::new());
        match json(row, 4, &format!("event {event_id} in {room_id}")) {
            Ok(served) => {
                match pdu::without_fields(&served, &["unsigned"])
                    .and_then(|signed| pdu::ordered(&signed))
                {
                    Ok(signed) => pdu = Some(signed),
                    Err(error) => faults.push(format!("event {event_id} in {room_id}: {error}")),
                }
                match stripped_state(&served, user.user.user_id.as_str()) {
                    Ok(read) => state = read,
                    Err(error) => faults.push(format!(
                        "the stripped state of {event_id} in {room_id} is unreadable ({error})"
                    )),
                }
            }
            Err(reason) => faults.push(reason),
        }
        user.pending.push(Pending {
            user_id: user.user.user_id.clone(),
            room_id,
            membership: text(row, 2, "membership")?.to_owned(),
            event_id,
            pdu,
            stripped_state: state,
        });
        if faults.is_empty() {
            Ok(())
        } else {
            Err(faults.join("; "))
        }
    })
}

/// Without the membership of the user, by type and state key.
fn stripped_state(
    served: &RawValue,
    user: &str,
) -> Result<Option<Vec<Box<RawValue>>>, serde_json::Error> {
    let unsigned = serde_json::from_str::<Event>(served.get())?.unsigned;
    let Some(state) = unsigned.invite_room_state.or(unsigned.knock_room_state) else {
        return Ok(None);
    };
    let mut sorted = Vec::new();
    for event in state {
        let key: Stripped = serde_json::from_str(event.get())?;
        if key.kind != "m.room.member" || key.state_key != user {
            sorted.push(((key.kind, key.state_key), event));
        }
    }
    sorted.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok(Some(sorted.into_iter().map(|(_, event)| event).collect()))
}
