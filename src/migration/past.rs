//! Opening the past: the target ignores events that are older than the first event that it has of a room, which after
//! the join is the new join event. One old event, imported as backfill, becomes the first one and lets the rest in.

use std::collections::BTreeSet;

use ruma::OwnedEventId;

use super::edges::{self, Clock};
use crate::{
    Error, Result,
    job::Job,
    resident::{OpenRoom, Resident, open_room::Event},
    target::{
        Target,
        admin_room::{self, AdminRoom},
        room::TimelineEvent,
    },
};

/// What one command may ask for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Portion {
    events: usize,
    /// Bytes of their PDUs.
    bytes: usize,
}

/// So little that the reply, which holds every event in full and twice, fits into an event.
pub(super) const ANSWERED: Portion = Portion {
    events: 20,
    bytes: 12 * 1024,
};

/// So much that the IDs fit into a message. The reply is lost, and the target holds it in memory until then.
const MANY: Portion = Portion {
    events: 1_000,
    bytes: 4 * 1024 * 1024,
};

/// The events to import before the replay, in this order: newest first, for each goes before all that are there. They
/// are not sent again.
///
/// Everything up to the join point comes this way: against the state after the join, the target would refuse what led
/// to it (an invite of somebody who is joined). The oldest of them, which comes last, is the one that the target then
/// compares `origin_server_ts` with; where a bridge's event claims to be even older, that one follows.
/// What the join itself has brought is not among them ([`comes_with_the_join`]).
#[must_use]
pub fn openers(room: &OpenRoom) -> Vec<OwnedEventId> {
    let with_the_join = |id: &&OwnedEventId| comes_with_the_join(room, id);
    let first = room.timeline().take_while(with_the_join).count();
    let last = joined_at(room).unwrap_or_default().max(first);
    let mut openers: Vec<_> = room
        .timeline()
        .take(last + 1)
        .skip(first)
        .filter(|id| !with_the_join(id))
        .rev()
        .cloned()
        .collect();
    let mut clock = Clock::default();
    for id in room.timeline().skip(first) {
        if let Some(event) = room.event(id) {
            clock.pass(id, event.origin_server_ts, event.state_pair().is_some());
        }
    }
    if let Some(oldest) = clock.ahead_of_its_place() {
        openers.retain(|id| *id != oldest);
        openers.push(oldest);
    }
    openers
}

/// The place in the timeline of the event that the join follows.
fn joined_at(room: &OpenRoom) -> Option<usize> {
    room.event(room.join.event_id()?)?.position
}

/// Whether the target has an event from the join and won't take it once more, so that it is no part of the timeline
/// there: a create event that doesn't name its room (version 12), and state without its content that is not younger than
/// the join. Tuwunel takes an event without its content only if it doesn't have it yet.
#[must_use]
pub fn comes_with_the_join(room: &OpenRoom, id: &OwnedEventId) -> bool {
    room.event(id).is_some_and(|event| {
        event.is_emptied && room.is_in_the_join(id)
            || edges::is_nameless_create(&room.version, event.state_pair())
    })
}

/// Imports the openers through the admin room and gives those that the target did not take. The last one must be
/// there: without it nothing old would be let in.
pub async fn open(
    admin: &AdminRoom,
    target: &Target,
    resident: &Resident,
    room: &OpenRoom,
    job: &Job,
) -> Result<Vec<Refused>> {
    let openers = openers(room);
    let size = |id: &OwnedEventId| room.event(id).map_or(0, Event::length);
    let mut refused = Vec::new();
    let mut left = openers.clone();
    if openers.len() > ANSWERED.events {
        for events in commands(&openers, size, MANY) {
            job.turn().await?;
            let command = command(resident, events, " --force");
            admin.run_to_its_end(&command).await?;
        }
        let there = timeline(target, room).await?;
        left.retain(|id| !there.contains(id));
    }
    for events in commands(&left, size, ANSWERED) {
        let Err(reason) = import(admin, resident, events).await? else {
            continue;
        };
        // The reply may be too big for an event, or one event stands in the way of the others: only the timeline tells.
        let there = timeline(target, room).await?;
        for id in events.iter().filter(|id| !there.contains(*id)) {
            if let Err(reason) = import(admin, resident, std::slice::from_ref(id)).await? {
                refused.push(Refused {
                    event_id: id.clone(),
                    reason,
                });
            }
            tracing::debug!(%id, reason, "imported alone");
        }
    }
    if refused.is_empty() {
        return Ok(refused);
    }
    let there = timeline(target, room).await?;
    refused.retain(|event| !there.contains(&event.event_id));
    match refused
        .iter()
        .find(|event| openers.last() == Some(&event.event_id))
    {
        Some(first) => Err(Error::Target(format!(
            "the target did not take the room's first event {} ({}): look at its log and import again",
            first.event_id, first.reason
        ))),
        None => Ok(refused),
    }
}

/// An event that the target did not take, and what it said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The event.
    pub event_id: OwnedEventId,
    /// The target's words.
    pub reason: String,
}

/// One command; the inner error is what the target says if it is not the expected sentence.
pub(super) async fn import(
    admin: &AdminRoom,
    resident: &Resident,
    events: &[OwnedEventId],
) -> Result<Result<(), String>> {
    let command = command(resident, events, "");
    let done = format!("Fetched {} remote PDUs successfully", events.len());
    match admin.run(&command).await {
        Ok(reply) if reply.contains(&done) => Ok(Ok(())),
        Ok(reply) => Ok(Err(admin_room::failure(&reply))),
        // No reply within the time: what came of it is seen in the timeline.
        Err(Error::Target(reason)) => Ok(Err(reason)),
        Err(error) => Err(error),
    }
}

fn command(resident: &Resident, events: &[OwnedEventId], options: &str) -> String {
    let list: Vec<_> = events.iter().map(ToString::to_string).collect();
    format!(
        "debug get-remote-pdu-list {}{options}\n```\n{}\n```",
        resident.identity.name,
        list.join("\n")
    )
}

async fn timeline(target: &Target, room: &OpenRoom) -> Result<BTreeSet<OwnedEventId>> {
    let id = |event: TimelineEvent| event.event_id;
    let ids = target.timeline(&room.joiner, &room.room_id, id).await?;
    Ok(ids.into_iter().collect())
}

/// The events of one command each.
pub(super) fn commands(
    openers: &[OwnedEventId],
    size: impl Fn(&OwnedEventId) -> usize,
    portion: Portion,
) -> Vec<&[OwnedEventId]> {
    let mut commands = Vec::new();
    let mut rest = openers;
    while !rest.is_empty() {
        let mut bytes = 0;
        let fitting = rest
            .iter()
            .take(portion.events)
            .take_while(|id| {
                bytes += size(id);
                bytes <= portion.bytes
            })
            .count();
        let (command, later) = rest.split_at(fitting.max(1));
        commands.push(command);
        rest = later;
    }
    commands
}

#[cfg(test)]
mod tests {
    use ruma::{RoomVersionId, owned_event_id, owned_room_id, owned_user_id};
    use serde_json::{
        Value, json,
        value::{RawValue, to_raw_value},
    };

    use super::*;
    use crate::{
        model::{event_line::EventLine, join_point::JoinPoint, pdu},
        resident::open_room::{Opening, StateMap},
    };

    fn room(version: RoomVersionId, events: &[(&str, &str, u64)]) -> OpenRoom {
        room_joined_at(JoinPoint::Current, version, events)
    }

    fn room_joined_at(
        join: JoinPoint,
        version: RoomVersionId,
        events: &[(&str, &str, u64)],
    ) -> OpenRoom {
        made(join, version, events, None)
    }

    /// A room of these events: ID, type, time. One of them may be without its content.
    fn made(
        join: JoinPoint,
        version: RoomVersionId,
        events: &[(&str, &str, u64)],
        emptied: Option<&str>,
    ) -> OpenRoom {
        let lines = events.iter().map(|(id, kind, ts)| EventLine {
            room_id: owned_room_id!("!r:x"),
            event_id: OwnedEventId::try_from(*id).unwrap(),
            outlier: false,
            rejected: false,
            soft_failed: false,
            redacted_by: None,
            ts: None,
            pdu: hashed(
                json!({
                    "type": kind, "state_key": state_key(kind), "sender": "@a:x", "origin_server_ts": ts, "depth": 1,
                    "prev_events": [], "auth_events": [], "content": { "whole": true },
                }),
                emptied == Some(id),
            ),
        });
        let opening = Opening {
            room_id: owned_room_id!("!r:x"),
            version,
            joiner: owned_user_id!("@a:x"),
            join,
            forward_extremities: Vec::new(),
            current_state: StateMap::new(),
            snapshots: Vec::new(),
        };
        let dir = tempfile::tempdir().unwrap();
        let (room, unreadable) = OpenRoom::new(opening, lines.map(Ok), dir.path()).unwrap();
        assert!(unreadable.is_empty());
        room
    }

    /// With its content hash, as every event has it; without its content if that is taken away.
    fn hashed(pdu: Value, emptied: bool) -> Box<RawValue> {
        let mut pdu = pdu::hashed(pdu);
        if emptied {
            pdu["content"] = json!({});
        }
        to_raw_value(&pdu).unwrap()
    }

    fn state_key(kind: &str) -> Option<&'static str> {
        (kind != "m.room.message").then_some("")
    }

    const EVENTS: [(&str, &str, u64); 3] = [
        ("$0", "m.room.create", 10),
        ("$1", "m.room.topic", 11),
        ("$2", "m.room.name", 12),
    ];

    #[test]
    fn the_create_event_opens_the_past() {
        assert_eq!(
            openers(&room(RoomVersionId::V10, &EVENTS)),
            [owned_event_id!("$0")]
        );
    }

    #[test]
    fn a_nameless_create_event_leaves_it_to_the_next() {
        assert_eq!(
            openers(&room(RoomVersionId::V12, &EVENTS)),
            [owned_event_id!("$1")]
        );
    }

    #[test]
    fn all_that_led_to_a_later_join_comes_newest_first() {
        let join = JoinPoint::AfterJoin {
            event_id: owned_event_id!("$1"),
        };
        let openers_of = |version| openers(&room_joined_at(join.clone(), version, &EVENTS));
        assert_eq!(
            openers_of(RoomVersionId::V10),
            [owned_event_id!("$1"), owned_event_id!("$0")]
        );
        assert_eq!(openers_of(RoomVersionId::V12), [owned_event_id!("$1")]);
    }

    #[test]
    fn an_event_that_claims_to_be_older_comes_last() {
        let mut events = EVENTS.to_vec();
        events.push(("$3", "m.room.message", 5));
        events.push(("$4", "m.room.pinned_events", 4));
        assert_eq!(
            openers(&room(RoomVersionId::V10, &events)),
            [owned_event_id!("$0"), owned_event_id!("$3")]
        );
    }

    #[test]
    fn state_without_its_content_came_with_the_join() {
        let emptied = |emptied: &'static str| {
            let join = JoinPoint::AfterJoin {
                event_id: owned_event_id!("$1"),
            };
            made(join, RoomVersionId::V10, &EVENTS, Some(emptied))
        };
        assert_eq!(openers(&emptied("$0")), [owned_event_id!("$1")]);
        assert_eq!(openers(&emptied("$1")), [owned_event_id!("$0")]);
        // What is younger comes by the replay.
        let room = emptied("$2");
        assert!(!comes_with_the_join(&room, &owned_event_id!("$2")));
        assert_eq!(openers(&room).len(), 2);
    }

    #[test]
    fn a_room_without_events_has_none() {
        assert!(openers(&room(RoomVersionId::V10, &[])).is_empty());
    }

    #[test]
    fn a_command_holds_what_a_reply_can_hold() {
        let ids: Vec<_> = (0..50)
            .map(|number| OwnedEventId::try_from(format!("${number}")).unwrap())
            .collect();
        let sizes = |size| {
            commands(&ids, |_| size, ANSWERED)
                .iter()
                .map(|events| events.len())
                .collect::<Vec<_>>()
        };
        assert_eq!(sizes(100), [20, 20, 10]);
        assert_eq!(sizes(5000), [2; 25]);
        assert_eq!(sizes(60_000), [1; 50]);
        assert!(commands(&[], |_| 1, ANSWERED).is_empty());
        assert_eq!(commands(&ids, |_| 200_000, MANY).len(), 3);
    }
}
