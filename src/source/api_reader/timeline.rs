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
        room::{graph::Graph, repair},
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
            let read = repair::repair(served, room, version, None).and_then(|repaired| {
                let header =
                    PduHeader::of(&repaired.line.pdu).map_err(|error| error.to_string())?;
                Ok((repaired, header))
            });
            match read {
                Ok((repaired, header)) => {
                    if !repaired.content_is_original && repaired.line.redacted_by.is_none() {
                        let emptied = problem(
                            "event content",
                            &repaired.line.event_id,
                            "its content hash does not match: other servers will empty it",
                        );
                        to.send(Record::Problem(emptied)).await?;
                    }
                    // Pages overlap when events arrive while they are read.
                    if graph.pass(&repaired.line, &header) {
                        events.push(repaired.line);
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

/// The ID that Synapse gives an event that could not be repaired.
fn name(served: &RawValue) -> String {
    serde_json::from_str::<serde_json::Value>(served.get())
        .ok()
        .and_then(|event| Some(event.get("event_id")?.as_str()?.to_owned()))
        .unwrap_or_else(|| "?".to_owned())
}
