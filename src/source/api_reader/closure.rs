//! The events outside the timeline that its events and the current state rest on.

use std::collections::BTreeSet;

use futures::StreamExt;
use ruma::{EventId, OwnedEventId, RoomId, RoomVersionId};
use serde::Deserialize;

use super::alone::alone;
use crate::{
    Result,
    model::{
        event_line::EventLine,
        order::{Linked, topological},
        pdu::PduHeader,
        wanted::History,
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

/// Single requests that cost Synapse about as much as a page of a thousand events.
const PAGE: usize = 30;

/// Hands over every event of `wanted`, none of which is in the timeline, and what those rest on, until nothing is
/// missing: each behind its own auth events.
pub(super) async fn fetch(
    client: &Client,
    room: &RoomId,
    version: &RoomVersionId,
    timeline: &Known,
    wanted: BTreeSet<OwnedEventId>,
    to: &Intake,
) -> Result<()> {
    let mut closure = Closure {
        room,
        version,
        timeline,
        wanted,
        asked: BTreeSet::new(),
        found: Vec::new(),
    };
    if to.wanted().history != History::All {
        closure.by_pages(client, to).await?;
    }
    closure.one_by_one(client, to).await?;
    let mut found = closure.found;
    found.sort_by(|one, other| one.id.cmp(&other.id));
    for some in topological(found).chunks(TOGETHER) {
        to.send(Record::Events(some.to_vec())).await?;
    }
    Ok(())
}

struct Closure<'a> {
    room: &'a RoomId,
    version: &'a RoomVersionId,
    timeline: &'a Known,
    wanted: BTreeSet<OwnedEventId>,
    asked: BTreeSet<OwnedEventId>,
    found: Vec<Linked<EventLine>>,
}

impl Closure<'_> {
    /// Looks for them in the room's history from its beginning, where much of its state stands together, as long as
    /// this is cheaper than asking for each.
    async fn by_pages(&mut self, client: &Client, to: &Intake) -> Result<()> {
        self.wanted.retain(|id| !self.timeline.has(id));
        let mut from: Option<String> = None;
        let mut hits = PAGE;
        while hits >= PAGE && self.wanted.len() >= PAGE {
            to.check()?;
            let page = client.messages(self.room, from.as_deref()).await;
            let Some(page) = alone(page, "room events", self.room, to).await? else {
                return Ok(());
            };
            hits = 0;
            for served in &page.chunk {
                let Ok(Named { event_id }) = serde_json::from_str(served.get()) else {
                    continue;
                };
                // What can't be read here is asked for, and told of, one by one.
                if self.wanted.contains(&event_id)
                    && let Ok((line, header)) = outlier(served, self.room, self.version)
                {
                    hits += 1;
                    self.wanted.remove(&event_id);
                    self.asked.insert(event_id);
                    self.keep(line, &header, to);
                }
            }
            match page.end {
                Some(end) if from.as_ref() != Some(&end) => from = Some(end),
                _ => return Ok(()),
            }
        }
        Ok(())
    }

    async fn one_by_one(&mut self, client: &Client, to: &Intake) -> Result<()> {
        let (room, version) = (self.room, self.version);
        loop {
            self.wanted
                .retain(|id| !self.timeline.has(id) && !self.asked.contains(id));
            if self.wanted.is_empty() {
                return Ok(());
            }
            to.check()?;
            let round: Vec<_> = std::mem::take(&mut self.wanted).into_iter().collect();
            self.asked.extend(round.iter().cloned());
            let mut answers = futures::stream::iter(round)
                .map(|id| async move {
                    let answer = one(client, room, version, &id).await;
                    (id, answer)
                })
                .buffered(IN_FLIGHT);
            while let Some((id, answer)) = answers.next().await {
                match alone(answer, "auth or state event", &id, to).await? {
                    Some(Ok((line, header))) => self.keep(line, &header, to),
                    Some(Err(reason)) => {
                        let unread = problem("auth or state event", &id, &reason);
                        to.send(Record::Problem(unread)).await?;
                    }
                    None => {}
                }
            }
        }
    }

    fn keep(&mut self, line: EventLine, header: &PduHeader, to: &Intake) {
        to.signed_by(header.signers());
        let auth_events = header.auth_events.iter().map(|event| event.id().clone());
        let previous: Vec<_> = auth_events.collect();
        self.wanted.extend(
            previous
                .iter()
                .filter(|id| !self.asked.contains(*id))
                .cloned(),
        );
        self.found.push(Linked {
            id: line.event_id.clone(),
            previous,
            item: line,
        });
    }
}

/// What Synapse says an event is called.
#[derive(Deserialize)]
struct Named {
    event_id: OwnedEventId,
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
