//! A room's timeline, page by page, repaired.

use ruma::{RoomId, RoomVersionId};
use serde_json::value::RawValue;

use super::window::Window;
use crate::{
    Result,
    model::pdu::PduHeader,
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
        to.check()?;
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
            let mut read = read_one(served, room, version);
            if let Ok((repaired, header)) = &read
                && to.is_erased(&header.sender)
            {
                read = of_erased(client, repaired, header, version).await?;
            }
            match read {
                Ok((Repaired { line, doubt }, header)) => {
                    if let Some(doubt) = doubt
                        && !to.is_membership_of_erased(&header)
                    {
                        let doubt = problem("event content", &line.event_id, doubt);
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

/// An event as the bundle holds it, or why it can't.
type Read = std::result::Result<(Repaired, PduHeader), String>;

fn read_one(served: &RawValue, room: &RoomId, version: &RoomVersionId) -> Read {
    let mut repaired = repair::repair(served, room, version, None)?;
    let header = PduHeader::of(&repaired.line.pdu).map_err(|error| error.to_string())?;
    repaired.line.ts = Some(header.origin_server_ts);
    Ok((repaired, header))
}

/// Synapse empties what an erased user has sent where the admin was not in the room: what was said has to be empty in
/// any case, and the room's state is asked for again.
async fn of_erased(
    client: &Client,
    repaired: &Repaired,
    header: &PduHeader,
    version: &RoomVersionId,
) -> Result<Read> {
    let line = &repaired.line;
    if header.state_key.is_none() {
        let (mut line, header) = (line.clone(), header.clone());
        let emptied = repair::empty(&mut line, version);
        return Ok(emptied.map(|()| (Repaired { line, doubt: None }, header)));
    }
    if repaired.doubt.is_none() {
        return Ok(Ok((repaired.clone(), header.clone())));
    }
    let served = client.fetch_event(&line.event_id).await?;
    Ok(read_one(&served, &line.room_id, version))
}

/// The ID that Synapse gives an event that could not be repaired.
fn name(served: &RawValue) -> String {
    serde_json::from_str::<serde_json::Value>(served.get())
        .ok()
        .and_then(|event| Some(event.get("event_id")?.as_str()?.to_owned()))
        .unwrap_or_else(|| "?".to_owned())
}
