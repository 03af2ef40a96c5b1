//! The events outside the timeline that its events and the current state rest on.

use std::collections::BTreeSet;

use futures::StreamExt;
use ruma::{EventId, OwnedEventId, RoomId, RoomVersionId};

use super::{alone::alone, problem, repair};
use crate::{
    Result,
    job::{Job, Problem},
    model::{event_line::EventLine, pdu::PduHeader},
    source::admin_api::Client,
};

/// Events that are asked for at the same time.
const IN_FLIGHT: usize = 4;

/// Fetches every event of `wanted` that is not in `known`, and what those rest on, until nothing is missing.
///
/// They come in an order in which each stands behind its own auth events.
pub(super) async fn fetch(
    client: &Client,
    room: &RoomId,
    version: &RoomVersionId,
    mut known: BTreeSet<OwnedEventId>,
    mut wanted: BTreeSet<OwnedEventId>,
    job: &Job,
    problems: &mut Vec<Problem>,
) -> Result<Vec<EventLine>> {
    let mut found = Vec::new();
    loop {
        wanted.retain(|id| !known.contains(id));
        if wanted.is_empty() {
            break;
        }
        job.check()?;
        let round: Vec<_> = std::mem::take(&mut wanted).into_iter().collect();
        known.extend(round.iter().cloned());
        let mut answers = futures::stream::iter(round)
            .map(|id| async move {
                let answer = one(client, room, version, &id).await;
                (id, answer)
            })
            .buffered(IN_FLIGHT);
        while let Some((id, answer)) = answers.next().await {
            match alone(answer, "auth or state event", &id, problems)? {
                Some(Ok((line, auth_events))) => {
                    wanted.extend(auth_events.iter().cloned());
                    found.push((line, auth_events));
                }
                Some(Err(reason)) => problems.push(problem("auth or state event", &id, &reason)),
                None => {}
            }
        }
    }
    Ok(super::order::topological(found))
}

async fn one(
    client: &Client,
    room: &RoomId,
    version: &RoomVersionId,
    id: &EventId,
) -> Result<Result<(EventLine, Vec<OwnedEventId>), String>> {
    let served = client.fetch_event(id).await?;
    Ok(outlier(&served, room, version))
}

fn outlier(
    served: &serde_json::value::RawValue,
    room: &RoomId,
    version: &RoomVersionId,
) -> Result<(EventLine, Vec<OwnedEventId>), String> {
    let mut line = repair::repair(served, room, version)?.line;
    line.outlier = true;
    if line.redacted_by.is_some() {
        repair::redact(&mut line, version)?;
    }
    let header = PduHeader::of(&line.pdu).map_err(|error| error.to_string())?;
    let auth_events = header.auth_events.iter().map(|event| event.id().clone());
    Ok((line, auth_events.collect()))
}
