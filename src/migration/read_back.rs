//! Reading a room back: what the bundle says, and what the target really has.

use std::collections::BTreeSet;

use ruma::{OwnedEventId, OwnedUserId, RoomId, UserId};

use super::{
    compare::{Expected, Found},
    edges::Edges,
    plan::{RoomAction, RoomPlan},
};
use crate::{
    Error, Result,
    bundle::Bundle,
    model::{
        forks::Links,
        pdu::{self, PduHeader},
        state_event::StateEvent,
        timeline_entry::TimelineEntry,
    },
    target::{Target, room::TimelineEvent},
};

/// Other members as whom a timeline is read if the first reader misses something.
const OTHER_READERS: usize = 3;

/// In the place of the type of an event that can't be read.
const UNREADABLE: &str = "unreadable";

/// A room's current state in the bundle.
pub fn bundle_state(bundle: &Bundle, room: &RoomId) -> Result<Vec<StateEvent>> {
    bundle
        .room_state(room)?
        .iter()
        .map(|event| {
            serde_json::from_str(event.get()).map_err(|error| Error::Bundle {
                path: bundle.path().to_owned(),
                reason: format!(
                    "room_state.json has an unreadable event in {room} ({error}): export again"
                ),
            })
        })
        .collect()
}

/// What the target must have of a room. `known` are the events of the bundle that are refused or hidden by rule.
pub fn expected(bundle: &Bundle, plan: &RoomPlan, replay: bool) -> Result<Expected> {
    let mut expected = Expected {
        replay,
        ..Expected::default()
    };
    expected.take_state(bundle_state(bundle, &plan.room_id)?);
    let mut edges = Edges::of(plan);
    let (mut links, mut fixed) = (Links::default(), 0);
    let join = match &plan.action {
        RoomAction::Carry { join, .. } => join.event_id(),
        _ => None,
    };
    for line in bundle.events(&plan.room_id)? {
        let line = line?;
        if !line.is_in_timeline() {
            continue;
        }
        let read =
            PduHeader::of(&line.pdu).and_then(|header| Ok((header, pdu::content(&line.pdu)?)));
        let Ok((header, content)) = read else {
            links.pass_unreadable(&line.event_id);
            let entry = TimelineEntry::new(line.event_id, UNREADABLE.to_owned(), &line.pdu);
            expected.timeline.push(entry);
            continue;
        };
        edges.pass(&line, &header);
        links.pass(&line.event_id, &header);
        if join == Some(&*line.event_id) {
            fixed = expected.timeline.len() + 1;
        }
        let entry = TimelineEntry::new(line.event_id, header.kind, content);
        expected.timeline.push(entry);
    }
    if replay {
        expected.sort(links.replay(fixed));
    }
    expected.edges = edges.end();
    Ok(expected)
}

/// The order in which a room's timeline is sent; nothing in the place of an event that can't be read.
pub fn order(bundle: &Bundle, plan: &RoomPlan, replay: bool) -> Result<Vec<Option<OwnedEventId>>> {
    let timeline = expected(bundle, plan, replay)?.timeline.into_iter();
    Ok(timeline
        .map(|entry| (entry.kind != UNREADABLE).then_some(entry.event_id))
        .collect())
}

/// What the target has of a room, read as its members.
pub async fn found(
    target: &Target,
    room: &RoomId,
    readers: &[OwnedUserId],
    expected: &Expected,
) -> Result<Found> {
    let Some(reader) = readers.first() else {
        return Err(Error::Target("no joined user can read it".to_owned()));
    };
    let state = target
        .state(reader, room)
        .await?
        .ok_or_else(|| Error::Target("the target does not know it".to_owned()))?;
    let timeline = timeline(target, reader, room).await?;
    let mut found = Found {
        state,
        timeline,
        seen_by_others: Vec::new(),
    };
    if expected.replay {
        see_as_others(target, room, readers, expected, &mut found).await?;
    }
    Ok(found)
}

/// Where history is visible from one's own join on, another member may see what the first can't. Only timelines count:
/// a single event can be fetched although it is not in any.
async fn see_as_others(
    target: &Target,
    room: &RoomId,
    readers: &[OwnedUserId],
    expected: &Expected,
    found: &mut Found,
) -> Result<()> {
    let mut unseen: BTreeSet<_> = expected
        .timeline
        .iter()
        .map(|entry| entry.event_id.clone())
        .collect();
    for entry in &found.timeline {
        unseen.remove(&entry.event_id);
    }
    for reader in readers.iter().skip(1).take(OTHER_READERS) {
        if unseen.is_empty() {
            break;
        }
        for entry in timeline(target, reader, room).await? {
            if unseen.remove(&entry.event_id) {
                found.seen_by_others.push(entry);
            }
        }
    }
    Ok(())
}

async fn timeline(target: &Target, reader: &UserId, room: &RoomId) -> Result<Vec<TimelineEntry>> {
    let entry =
        |event: TimelineEvent| TimelineEntry::new(event.event_id, event.kind, &event.content);
    target.timeline(reader, room, entry).await
}
