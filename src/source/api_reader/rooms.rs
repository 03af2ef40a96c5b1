//! All rooms, some at the same time, handed over one after the other.

use std::sync::Arc;

use ruma::{OwnedRoomId, ServerName};

use super::{in_order, room};
use crate::{
    Result,
    bundle::Section,
    job::Phase,
    source::{
        admin_api::{Client, ListedRoom},
        intake::Intake,
    },
};

/// Rooms that are read at the same time; each is read only a few pages ahead of its turn. They are more than requests
/// at a time, so that a big room doesn't leave Synapse idle.
const IN_FLIGHT: usize = 16;

/// Reads the rooms of the list in its order.
pub(super) async fn read(
    client: &Arc<Client>,
    server_name: &ServerName,
    list: Vec<(OwnedRoomId, ListedRoom)>,
    to: &Intake,
) -> Result<()> {
    to.begin(Phase::ExportRooms, list.len() as u64);
    let all = list.len();
    let list: Vec<_> = list
        .into_iter()
        .filter(|(room, _)| !to.has(Section::Rooms, room.as_str()))
        .collect();
    let before = (all - list.len()) as u64;
    let begin = |(room_id, listed), branch| {
        let (client, own) = (Arc::clone(client), server_name.to_owned());
        async move { room::read(&client, &own, room_id, listed, &branch).await }
    };
    let done = |done| to.done(Phase::ExportRooms, before + done);
    in_order::read(list, IN_FLIGHT, to, begin, done).await
}
