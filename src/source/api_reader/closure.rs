//! The events outside the timeline that its events and the current state rest on.

use std::collections::BTreeSet;

use futures::StreamExt;
use ruma::{EventId, OwnedEventId, RoomId, RoomVersionId};
use serde::Deserialize;

use super::{
    alone::alone,
    redactions::{self, Redacted},
};
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

/// Events of a page that cost Synapse about as much as asking for one of them alone.
const PER_REQUEST: usize = 8;
/// What auth events can be, whatever the current state has.
const AUTH_TYPES: [&str; 5] = [
    "m.room.create",
    "m.room.join_rules",
    "m.room.member",
    "m.room.power_levels",
    "m.room.third_party_invite",
];

/// Events outside the timeline, and what those rest on.
pub(super) struct Closure<'a> {
    client: &'a Client,
    room: &'a RoomId,
    version: &'a RoomVersionId,
    timeline: &'a Known,
    wanted: BTreeSet<OwnedEventId>,
    asked: BTreeSet<OwnedEventId>,
    found: Vec<Linked<EventLine>>,
}

impl<'a> Closure<'a> {
    /// That of `wanted`, as far as the timeline doesn't have it.
    pub(super) fn new(
        client: &'a Client,
        room: &'a RoomId,
        version: &'a RoomVersionId,
        timeline: &'a Known,
        wanted: BTreeSet<OwnedEventId>,
    ) -> Self {
        Self {
            client,
            room,
            version,
            timeline,
            wanted,
            asked: BTreeSet::new(),
            found: Vec::new(),
        }
    }

    /// Looks for them among the events of these types, from the room's beginning, where much of its state stands
    /// together, as long as this is cheaper than asking for each.
    pub(super) async fn by_pages(
        &mut self,
        mut types: BTreeSet<String>,
        to: &Intake,
    ) -> Result<()> {
        types.extend(AUTH_TYPES.map(str::to_owned));
        let types: Vec<_> = types.into_iter().collect();
        self.wanted.retain(|id| !self.timeline.has(id));
        let mut from: Option<String> = None;
        let mut is_worth_it = true;
        while is_worth_it && self.wanted.len() >= PER_REQUEST {
            to.turn().await?;
            let page = self.client.messages_of(self.room, from.as_deref(), &types);
            let page = page.await;
            let Some(page) = alone(page, "room events", self.room, to).await? else {
                return Ok(());
            };
            let mut hits = 0;
            // The newest first: what an event rests on stands before it.
            for served in page.chunk.iter().rev() {
                let Ok(Named { event_id }) = serde_json::from_str(served.get()) else {
                    continue;
                };
                // What can't be read here is asked for, and told of, one by one.
                if self.wanted.contains(&event_id)
                    && let Ok((line, header)) = outlier(served, self.room, self.version, None)
                {
                    hits += 1;
                    self.wanted.remove(&event_id);
                    self.asked.insert(event_id);
                    self.keep(line, &header, to);
                }
            }
            is_worth_it = hits * PER_REQUEST >= page.chunk.len().max(1);
            match page.end {
                Some(end) if from.as_ref() != Some(&end) => from = Some(end),
                _ => return Ok(()),
            }
        }
        Ok(())
    }

    /// Asks for each of the others, until nothing is missing, and hands all over: each behind its own auth events.
    pub(super) async fn finish(mut self, to: &Intake) -> Result<()> {
        self.one_by_one(to).await?;
        self.found.sort_by(|one, other| one.id.cmp(&other.id));
        for some in topological(self.found).chunks(TOGETHER) {
            to.send(Record::Events(some.to_vec())).await?;
        }
        Ok(())
    }

    async fn one_by_one(&mut self, to: &Intake) -> Result<()> {
        let (client, room, version) = (self.client, self.room, self.version);
        let mut redacted: Option<Redacted> = None;
        loop {
            self.wanted
                .retain(|id| !self.timeline.has(id) && !self.asked.contains(id));
            if self.wanted.is_empty() {
                return Ok(());
            }
            to.turn().await?;
            if redacted.is_none() {
                let read = redactions::of(client, room).await;
                redacted = alone(read, "redactions", room, to).await?;
            }
            let redacted = redacted.get_or_insert_default();
            let round: Vec<_> = std::mem::take(&mut self.wanted).into_iter().collect();
            self.asked.extend(round.iter().cloned());
            let redacted: &Redacted = redacted;
            let mut answers = futures::stream::iter(round)
                .map(|id| async move {
                    let answer = one(client, room, version, &id, redacted).await;
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
                .filter(|id| !self.asked.contains(*id) && !self.timeline.has(id))
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
    redacted: &Redacted,
) -> Result<Result<(EventLine, PduHeader), String>> {
    let served = client.fetch_event(id).await?;
    // It comes with its old content, and without a word about its redaction.
    let redaction = redacted.by(client, room, id, &served).await?;
    Ok(outlier(&served, room, version, redaction))
}

fn outlier(
    served: &serde_json::value::RawValue,
    room: &RoomId,
    version: &RoomVersionId,
    redaction: Option<OwnedEventId>,
) -> Result<(EventLine, PduHeader), String> {
    let mut repaired = repair::repair(served, room, version, redaction)?;
    repaired.line.outlier = true;
    Ok((repaired.line, repaired.header))
}
