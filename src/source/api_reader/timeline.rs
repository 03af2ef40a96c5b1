//! A room's timeline, page by page, repaired.

use ruma::{RoomId, RoomVersionId};
use serde_json::value::RawValue;

use super::window::Window;
use crate::{
    Result,
    job::Problem,
    source::{
        admin_api::Client,
        intake::{Intake, Record, problem},
        room::{
            graph::Graph,
            repair::{self, Repaired},
        },
    },
};

/// Hands over the window's events that are not outliers, as Synapse orders them; an unreadable one becomes a problem.
pub(super) async fn read(
    client: &Client,
    room: &RoomId,
    version: &RoomVersionId,
    window: Window,
    to: &Intake,
) -> Result<Graph> {
    let mut graph = Graph::default();
    let (mut from, mut first) = match window {
        Window::All => (None, None),
        Window::From { token, first } => (Some(token), Some(first)),
        Window::Nothing => return Ok(graph),
    };
    loop {
        to.turn().await?;
        let mut page = client.messages(room, from.as_deref()).await?;
        if let Some(first) = first.take() {
            let before = page.chunk.iter().position(|event| name(event) == first);
            page.chunk.drain(..before.unwrap_or_default());
        }
        // The last page has an end too: only an empty one says that it was the last.
        if page.chunk.is_empty() {
            return Ok(graph);
        }
        let mut events = Vec::with_capacity(page.chunk.len());
        for served in &page.chunk {
            let mut read = repair::repair(served, room, version, None);
            if let Ok(repaired) = &read
                && to.is_erased(&repaired.header.sender)
            {
                read = of_erased(client, repaired, version).await?;
            }
            match read {
                Ok(repaired) => {
                    let Repaired {
                        line,
                        header,
                        doubt,
                    } = repaired;
                    if let Some(doubt) = doubt
                        && !to.is_membership_of_erased(&header)
                    {
                        let doubt = problem(Problem::EVENT_CONTENT, &line.event_id, doubt);
                        to.send(Record::Problem(doubt)).await?;
                    }
                    // Pages overlap when events arrive while they are read.
                    if graph.pass(&line, &header) {
                        events.push(line);
                    }
                }
                Err(reason) => {
                    let unread = problem("event", name(served).as_str(), &reason);
                    to.send(Record::Problem(unread)).await?;
                }
            }
        }
        to.send(Record::Events(events)).await?;
        match page.end {
            // A server that sends the same page again would be read for ever.
            Some(end) if from.as_ref() != Some(&end) => from = Some(end),
            _ => return Ok(graph),
        }
    }
}

/// Synapse empties what an erased user has sent where the admin was not in the room: what was said has to be empty in
/// any case, and the room's state is asked for again.
async fn of_erased(
    client: &Client,
    repaired: &Repaired,
    version: &RoomVersionId,
) -> Result<std::result::Result<Repaired, String>> {
    if repaired.header.state_key.is_none() {
        let mut said = Repaired {
            doubt: None,
            ..repaired.clone()
        };
        return Ok(repair::empty(&mut said.line, version).map(|()| said));
    }
    if repaired.doubt.is_none() {
        return Ok(Ok(repaired.clone()));
    }
    let line = &repaired.line;
    let served = client.fetch_event(&line.event_id).await?;
    Ok(repair::repair(&served, &line.room_id, version, None))
}

/// The ID that Synapse gives an event that could not be repaired.
fn name(served: &RawValue) -> String {
    serde_json::from_str::<serde_json::Value>(served.get())
        .ok()
        .and_then(|event| Some(event.get("event_id")?.as_str()?.to_owned()))
        .unwrap_or_else(|| "?".to_owned())
}
