//! A room's timeline, page by page, repaired.

use std::sync::atomic::{AtomicU64, Ordering};

use ruma::{RoomId, RoomVersionId};
use serde_json::value::RawValue;

use super::{problem, repair};
use crate::{
    Result,
    job::{Event, Job, Problem},
    model::event_line::EventLine,
    source::admin_api::Client,
};

/// All events that are not outliers, as Synapse orders them; an unreadable one becomes a problem.
pub(super) async fn read(
    client: &Client,
    room: &RoomId,
    version: &RoomVersionId,
    job: &Job,
    read_so_far: &AtomicU64,
    problems: &mut Vec<Problem>,
) -> Result<Vec<EventLine>> {
    let mut events = Vec::new();
    let mut from: Option<String> = None;
    loop {
        job.check()?;
        let page = client.messages(room, from.as_deref()).await?;
        // The last page has an end too: only an empty one says that it was the last.
        if page.chunk.is_empty() {
            return Ok(events);
        }
        let count = page.chunk.len() as u64;
        for served in &page.chunk {
            match repair::repair(served, room, version) {
                Ok(repaired) => {
                    if !repaired.content_is_original && repaired.line.redacted_by.is_none() {
                        problems.push(problem(
                            "event content",
                            &repaired.line.event_id,
                            "its content hash does not match: other servers will empty it",
                        ));
                    }
                    events.push(repaired.line);
                }
                Err(reason) => problems.push(problem("event", name(served).as_str(), &reason)),
            }
        }
        let all = read_so_far.fetch_add(count, Ordering::Relaxed) + count;
        job.emit(Event::Events(all));
        match page.end {
            // A server that sends the same page again would be read for ever.
            Some(end) if from.as_ref() != Some(&end) => from = Some(end),
            _ => return Ok(events),
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
