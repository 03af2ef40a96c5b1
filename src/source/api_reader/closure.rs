//! The events outside the timeline that its events and the current state rest on.

use std::collections::BTreeSet;

use futures::StreamExt;
use ruma::{EventId, OwnedEventId, RoomId, RoomVersionId};

use super::alone::alone;
use crate::{
    Result,
    model::{
        event_line::EventLine,
        order::{Linked, topological},
        pdu::PduHeader,
    },
    source::{
        admin_api::Client,
        intake::{Intake, Record, problem},
        room::{graph::Known, repair},
    },
};

/// Events that are asked for at the same time.
const IN_FLIGHT: usize = 8;
/// Events that are handed over together.
const TOGETHER: usize = 1000;

/// Hands over every event of `wanted`, none of which is in the timeline, and what those rest on, until nothing is
/// missing: each behind its own auth events.
pub(super) async fn fetch(
    client: &Client,
    room: &RoomId,
    version: &RoomVersionId,
    timeline: &Known,
    mut wanted: BTreeSet<OwnedEventId>,
    to: &Intake,
) -> Result<()> {
    let mut found = Vec::new();
    let mut asked = BTreeSet::new();
    loop {
        wanted.retain(|id| !timeline.has(id) && !asked.contains(id));
        if wanted.is_empty() {
            break;
        }
        to.check()?;
        let round: Vec<_> = std::mem::take(&mut wanted).into_iter().collect();
        asked.extend(round.iter().cloned());
        let mut answers = futures::stream::iter(round)
            .map(|id| async move {
                let answer = one(client, room, version, &id).await;
                (id, answer)
            })
            .buffered(IN_FLIGHT);
        while let Some((id, answer)) = answers.next().await {
            match alone(answer, "auth or state event", &id, to).await? {
                Some(Ok((line, header))) => {
                    to.signed_by(header.signers());
                    let auth_events = header.auth_events.iter().map(|event| event.id().clone());
                    let previous: Vec<_> = auth_events.collect();
                    wanted.extend(previous.iter().cloned());
                    found.push(Linked {
                        id,
                        previous,
                        item: line,
                    });
                }
                Some(Err(reason)) => {
                    let unread = problem("auth or state event", &id, &reason);
                    to.send(Record::Problem(unread)).await?;
                }
                None => {}
            }
        }
    }
    found.sort_by(|one, other| one.id.cmp(&other.id));
    for some in topological(found).chunks(TOGETHER) {
        to.send(Record::Events(some.to_vec())).await?;
    }
    Ok(())
}

async fn one(
    client: &Client,
    room: &RoomId,
    version: &RoomVersionId,
    id: &EventId,
) -> Result<Result<(EventLine, PduHeader), String>> {
    let served = client.fetch_event(id).await?;
    Ok(outlier(&served, room, version))
}

fn outlier(
    served: &serde_json::value::RawValue,
    room: &RoomId,
    version: &RoomVersionId,
) -> Result<(EventLine, PduHeader), String> {
    let mut line = repair::repair(served, room, version)?.line;
    line.outlier = true;
    let header = PduHeader::of(&line.pdu).map_err(|error| error.to_string())?;
    Ok((line, header))
}
