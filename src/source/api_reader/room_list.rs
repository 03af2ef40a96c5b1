//! Which rooms there are: Synapse's list, and the rooms that only its users' memberships name.

use std::collections::{BTreeMap, BTreeSet};

use futures::StreamExt;
use ruma::{OwnedRoomId, OwnedUserId, ServerName};

use super::{alone::alone, users::Users};
use crate::{
    Error, Result,
    source::{
        admin_api::{Client, ListedRoom},
        intake::{Intake, Record, problem},
    },
};

/// Users whose memberships are asked for at the same time.
const IN_FLIGHT: usize = 8;

/// All rooms in the order of their IDs.
///
/// The list comes from statistics: it lacks rooms made while Synapse's `stats` were disabled.
pub(super) async fn read(
    client: &Client,
    server_name: &ServerName,
    users: &Users,
    to: &Intake,
) -> Result<Vec<(OwnedRoomId, ListedRoom)>> {
    let mut rooms = BTreeMap::new();
    for entry in client.rooms().await? {
        let subject = entry["room_id"].as_str().unwrap_or("?").to_owned();
        let room = OwnedRoomId::try_from(subject.as_str()).map_err(|error| error.to_string());
        let listed = serde_json::from_value(entry).map_err(|error| error.to_string());
        // What the list says of a room is little: without it the room can still be read.
        if let Some(reason) = room.as_ref().err().or(listed.as_ref().err()) {
            to.send(Record::Problem(problem("room", &subject, reason)))
                .await?;
        }
        if let Ok(room) = room {
            let unread = |_| ListedRoom {
                room_id: subject,
                ..ListedRoom::default()
            };
            rooms.insert(room, listed.unwrap_or_else(unread));
        }
    }
    if to.wanted().inventory {
        return Ok(rooms.into_iter().collect());
    }
    for room in joined(client, server_name, users, to).await? {
        rooms.entry(room.clone()).or_insert_with(|| ListedRoom {
            room_id: room.into(),
            ..ListedRoom::default()
        });
    }
    Ok(rooms.into_iter().collect())
}

/// Rooms that a local user is joined to.
async fn joined(
    client: &Client,
    server_name: &ServerName,
    users: &Users,
    to: &Intake,
) -> Result<BTreeSet<OwnedRoomId>> {
    let mut rooms = BTreeSet::new();
    let mut named = users.joined.clone();
    // Those that a partial export leaves out are members, too, and those that an interrupted one has read.
    let others = users.names.difference(&users.looked_at);
    let others: Vec<OwnedUserId> = others
        .filter(|user| user.server_name() == server_name)
        .cloned()
        .collect();
    let mut answers = futures::stream::iter(others)
        .map(|user| async move {
            let answer = client.memberships(user.as_str()).await;
            (user, answer)
        })
        .buffered(IN_FLIGHT);
    while let Some((user, answer)) = answers.next().await {
        if matches!(answer, Err(Error::Answer { status: 404, .. })) {
            // An older Synapse: its list has to do.
            break;
        }
        let memberships = alone(answer, "memberships", &user, to).await?;
        for (room, membership) in memberships.unwrap_or_default() {
            if membership == "join" {
                named.insert(room);
            }
        }
    }
    for room in named {
        match OwnedRoomId::try_from(room.as_str()) {
            Ok(room) => drop(rooms.insert(room)),
            Err(error) => {
                to.send(Record::Problem(problem("room", &room, &error)))
                    .await?;
            }
        }
    }
    Ok(rooms)
}
