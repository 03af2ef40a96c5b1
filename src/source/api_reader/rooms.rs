//! All rooms, some at the same time, handed over one after the other.

use std::{collections::VecDeque, sync::Arc};

use ruma::{OwnedRoomId, ServerName};
use tokio::{sync::mpsc, task::JoinHandle};

use super::room;
use crate::{
    Error, Result,
    job::Phase,
    source::{
        admin_api::{Client, ListedRoom},
        intake::{Intake, Record},
    },
};

/// Rooms that are read at the same time; each is read only a few pages ahead of its turn.
const IN_FLIGHT: usize = 8;

/// Reads the rooms of the list in its order.
pub(super) async fn read(
    client: &Arc<Client>,
    server_name: &ServerName,
    list: Vec<(OwnedRoomId, ListedRoom)>,
    to: &Intake,
) -> Result<()> {
    to.begin(Phase::ExportRooms, list.len() as u64);
    let mut waiting = list.into_iter();
    let mut ahead = VecDeque::new();
    let mut done = 0;
    loop {
        while ahead.len() < IN_FLIGHT
            && let Some((room_id, listed)) = waiting.next()
        {
            let (branch, records) = to.branch();
            let (client, own) = (Arc::clone(client), server_name.to_owned());
            let reading =
                tokio::spawn(
                    async move { room::read(&client, &own, room_id, listed, &branch).await },
                );
            ahead.push_back(Reading {
                records,
                task: reading,
            });
        }
        let Some(mut next) = ahead.pop_front() else {
            return Ok(());
        };
        to.forward(&mut next.records).await?;
        next.end().await?;
        done += 1;
        to.done(Phase::ExportRooms, done);
    }
}

/// A room that is being read; given up when dropped.
struct Reading {
    records: mpsc::Receiver<Record>,
    task: JoinHandle<Result<()>>,
}

impl Reading {
    async fn end(&mut self) -> Result<()> {
        match (&mut self.task).await {
            Ok(read) => read,
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(_) => Err(Error::Stopped),
        }
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.task.abort();
    }
}
