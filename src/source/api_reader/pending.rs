//! Invites and knocks that wait for an answer.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
};

use ruma::{OwnedEventId, OwnedRoomId, RoomId, RoomVersionId, UserId};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::OnceCell;

use super::{last_state, own::Own};
use crate::{
    Result,
    model::{pending::Pending, state_event::StateEvent},
    source::{
        admin_api::{Client, Synced, Who},
        intake::problem,
        room::repair,
    },
};

/// Room versions, the likeliest first: the one that makes an event's ID is its own.
const VERSIONS: [RoomVersionId; 12] = [
    RoomVersionId::V10,
    RoomVersionId::V11,
    RoomVersionId::V12,
    RoomVersionId::V9,
    RoomVersionId::V8,
    RoomVersionId::V7,
    RoomVersionId::V6,
    RoomVersionId::V5,
    RoomVersionId::V4,
    RoomVersionId::V3,
    RoomVersionId::V2,
    RoomVersionId::V1,
];

/// User → membership event.
type Members = BTreeMap<String, OwnedEventId>;

/// Membership, and stripped state if it is seen.
type Glance<'a> = (&'a str, Option<&'a [Box<RawValue>]>);

/// The rooms in which somebody waits, each asked once.
#[derive(Default)]
pub(super) struct WaitingRooms(Mutex<HashMap<OwnedRoomId, Arc<OnceCell<Members>>>>);

/// What is known of one who waits.
pub(super) struct Waiting<'a> {
    /// Who.
    pub(super) user: &'a UserId,
    /// Room → membership, of the rooms that this server is in.
    pub(super) memberships: &'a BTreeMap<String, String>,
    /// What the user sees, if one acts as them.
    pub(super) seen: Option<(&'a Who, &'a Synced)>,
}

/// All of a user's, by room.
pub(super) async fn of(
    client: &Client,
    rooms: &WaitingRooms,
    waiting: Waiting<'_>,
    own: &mut Own,
) -> Result<Vec<Pending>> {
    let Waiting {
        user,
        memberships,
        seen,
    } = waiting;
    let mut all: BTreeMap<&str, Glance<'_>> = memberships
        .iter()
        .filter(|(_, membership)| matches!(membership.as_str(), "invite" | "knock"))
        .map(|(room, membership)| (room.as_str(), (membership.as_str(), None)))
        .collect();
    for (room, membership, stripped) in seen.iter().flat_map(|(_, synced)| synced.pending()) {
        all.insert(room, (membership, Some(stripped)));
    }
    let mut pending = Vec::with_capacity(all.len());
    let mut invites = None;
    for (room, (membership, stripped)) in all {
        let room_id = match OwnedRoomId::try_from(room) {
            Ok(room_id) => room_id,
            Err(error) => {
                own.add(unread(user, room, &error));
                continue;
            }
        };
        let mut event_id = rooms.event(client, &room_id, user, own).await?;
        if event_id.is_none()
            && let Some((who, _)) = seen
        {
            // Once for all rooms that this server isn't in.
            let invites = match &mut invites {
                Some(invites) => invites,
                none => {
                    let answer = own.or_none(client.invites(who).await, "pending", user)?;
                    none.insert(answer.unwrap_or_default())
                }
            };
            event_id = invites.get(room).cloned();
        }
        let Some(event_id) = event_id else {
            let reason = "Synapse's API doesn't name its event: use --source db";
            own.add(unread(user, room, reason));
            continue;
        };
        pending.push(Pending {
            pdu: pdu(client, &room_id, &event_id, own).await?,
            stripped_state: stripped.map(|stripped| without(user, stripped)),
            user_id: user.to_owned(),
            room_id,
            membership: membership.to_owned(),
            event_id,
        });
    }
    Ok(pending)
}

fn unread(user: &UserId, room: &str, reason: &(impl ToString + ?Sized)) -> crate::job::Problem {
    let reason = format!("that to {room} can't be read: {}", reason.to_string());
    problem("invite or knock", user, &reason)
}

impl WaitingRooms {
    /// The membership event of a user in a room that this server is in, or was.
    async fn event(
        &self,
        client: &Client,
        room: &OwnedRoomId,
        user: &UserId,
        own: &mut Own,
    ) -> Result<Option<OwnedEventId>> {
        let of_room = {
            let mut rooms = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(rooms.entry(room.clone()).or_default())
        };
        let asked = async {
            let members = members(client, room).await;
            // 404: a room that this server knows nothing of.
            let members = match members {
                Err(crate::Error::Answer { status: 404, .. }) => None,
                other => own.or_none(other, "invite or knock", room)?,
            };
            Ok::<_, crate::Error>(members.unwrap_or_default())
        };
        let members = of_room.get_or_try_init(|| asked).await?;
        Ok(members.get(user.as_str()).cloned())
    }
}

/// Those who wait, by the room's state.
async fn members(client: &Client, room: &RoomId) -> Result<Members> {
    let mut state = client.room_state(room).await?;
    if state.is_empty() {
        let tips = client.forward_extremities(room).await?;
        state = last_state::of(client, room, &tips).await?;
    }
    let events = state
        .iter()
        .filter_map(|event| serde_json::from_str::<StateEvent>(event.get()).ok());
    Ok(events
        .filter(|event| event.kind == "m.room.member")
        .filter(|event| {
            matches!(
                event.content.membership.as_deref(),
                Some("invite" | "knock")
            )
        })
        .map(|event| (event.state_key, event.event_id))
        .collect())
}

async fn pdu(
    client: &Client,
    room: &RoomId,
    event_id: &OwnedEventId,
    own: &mut Own,
) -> Result<Option<Box<RawValue>>> {
    let served = client.fetch_event(event_id).await;
    let Some(served) = own.or_none(served, "invite or knock", event_id)? else {
        return Ok(None);
    };
    let mut reason = String::new();
    for version in &VERSIONS {
        match repair::repair(&served, room, version, None) {
            Ok(repaired) => return Ok(Some(repaired.line.pdu)),
            Err(why) => reason = why,
        }
    }
    own.add(problem("invite or knock", event_id, &reason));
    Ok(None)
}

/// By type and state key, without the membership itself.
fn without(user: &UserId, stripped: &[Box<RawValue>]) -> Vec<Box<RawValue>> {
    #[derive(Deserialize)]
    struct Stripped {
        #[serde(rename = "type", default)]
        kind: String,
        #[serde(default)]
        state_key: String,
    }
    let mut events: Vec<_> = stripped
        .iter()
        .filter_map(|raw| {
            let Stripped { kind, state_key } = serde_json::from_str(raw.get()).ok()?;
            Some((kind, state_key, raw))
        })
        .filter(|(kind, key, _)| !(kind == "m.room.member" && key == user.as_str()))
        .collect();
    events.sort_by(|one, other| (&one.0, &one.1).cmp(&(&other.0, &other.1)));
    events.into_iter().map(|(_, _, raw)| raw.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stripped_state_is_sorted_and_lacks_the_membership() {
        let raw = |text: &str| RawValue::from_string(text.to_owned()).unwrap();
        let events = [
            raw(r#"{"type":"m.room.name","state_key":"","content":{}}"#),
            raw(r#"{"type":"m.room.member","state_key":"@me:x","content":{}}"#),
            raw(r#"{"type":"m.room.member","state_key":"@host:x","content":{}}"#),
            raw(r#"{"type":"m.room.create","state_key":"","content":{}}"#),
        ];
        let kept = without(ruma::user_id!("@me:x"), &events);
        let texts: Vec<_> = kept.iter().map(|raw| raw.get()).collect();
        assert_eq!(texts, [events[3].get(), events[2].get(), events[0].get()]);
    }
}
