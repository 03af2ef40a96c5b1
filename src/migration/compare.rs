//! A room of the bundle against what was read from the target. No I/O.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use ruma::{OwnedEventId, OwnedUserId, UserId};

use super::{
    outcome::{Comparison, RoomVerification},
    plan::RoomPlan,
};
use crate::model::{
    forks::Replay,
    state_event::{Member, StateEvent},
    state_pair::name,
    timeline_entry::TimelineEntry,
};

/// What a room must look like.
#[derive(Debug, Clone, Default)]
pub struct Expected {
    /// Members by ID.
    pub members: BTreeMap<OwnedUserId, Member>,
    /// The other state: event IDs by type and state key.
    pub state: BTreeMap<(String, String), OwnedEventId>,
    /// Timeline events in the order of the replay.
    pub timeline: Vec<TimelineEntry>,
    /// Of each of them, whether it is on a fork: an event that it does not follow comes before it.
    pub beside: Vec<bool>,
    /// Whether the target takes history at all.
    pub replay: bool,
    /// Events that can't be there as they were.
    pub edges: BTreeMap<OwnedEventId, Edge>,
}

/// Why an event is not on the target what it was on the source, or not where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edge {
    /// It can't travel with its content.
    Empty,
    /// It is known from the join, and no part of the timeline.
    InTheJoin,
    /// It claims to be older than the first event, and stands before it.
    First,
}

/// What was read from the target.
#[derive(Debug, Clone, Default)]
pub struct Found {
    /// Current state with members.
    pub state: Vec<StateEvent>,
    /// Timeline events in order.
    pub timeline: Vec<TimelineEntry>,
    /// Events that the first reader does not see in the timeline, but another member does.
    pub seen_by_others: Vec<TimelineEntry>,
}

impl Expected {
    /// From a bundle's state events in the client format.
    pub fn take_state(&mut self, events: impl IntoIterator<Item = StateEvent>) {
        for event in events {
            match OwnedUserId::try_from(event.state_key.as_str()) {
                Ok(user) if event.kind == "m.room.member" => {
                    self.members.insert(user, event.content);
                }
                _ => {
                    self.state
                        .insert((event.kind, event.state_key), event.event_id);
                }
            }
        }
    }

    /// Puts the timeline into the order of the replay.
    pub fn sort(&mut self, replay: Replay) {
        let mut entries: Vec<_> = std::mem::take(&mut self.timeline)
            .into_iter()
            .map(Some)
            .collect();
        let next = |place: u32| entries.get_mut(place as usize)?.take();
        self.timeline = replay.order.into_iter().filter_map(next).collect();
        self.beside = replay.beside;
    }

    /// Whether the event at a place is on a fork.
    #[must_use]
    pub fn is_beside(&self, place: usize) -> bool {
        self.beside.get(place) == Some(&true)
    }

    /// Whether the event at a place is on a fork or behind one.
    pub fn is_forked(&self) -> impl Fn(usize) -> bool {
        let first = self.beside.iter().position(|beside| *beside);
        move |place| first.is_some_and(|first| first <= place)
    }

    /// A user's membership.
    #[must_use]
    pub fn membership(&self, user: &UserId) -> Option<&str> {
        self.members.get(user)?.membership.as_deref()
    }

    /// The joined members.
    pub fn joined(&self) -> impl Iterator<Item = &OwnedUserId> {
        self.members
            .iter()
            .filter(|(_, member)| member.membership.as_deref() == Some("join"))
            .map(|(user, _)| user)
    }
}

/// Compares everything of a room.
#[must_use]
pub fn room(
    plan: &RoomPlan,
    joiner: &UserId,
    expected: &Expected,
    found: &Found,
) -> RoomVerification {
    let mut members = BTreeMap::new();
    let mut state = BTreeMap::new();
    for event in &found.state {
        if event.kind == "m.room.member" {
            members.insert(event.state_key.as_str(), &event.content);
        } else {
            state.insert(
                (event.kind.as_str(), event.state_key.as_str()),
                &event.event_id,
            );
        }
    }
    RoomVerification {
        room_id: plan.room_id.clone(),
        name: plan.name.clone(),
        version: plan.version.as_ref().map(ToString::to_string),
        skipped: None,
        members: compare_members(&members, joiner, expected),
        state: compare_state(&state, expected),
        by_key: Comparison::default(),
        timeline: compare_timeline(expected, found),
        added: added(expected, found),
        same_order: expected.replay.then(|| same_order(expected, found)),
    }
}

fn compare_members(
    found: &BTreeMap<&str, &Member>,
    joiner: &UserId,
    expected: &Expected,
) -> Comparison {
    let mut comparison = Comparison {
        expected: expected.members.len() as u64,
        ..Comparison::default()
    };
    for (user, member) in &expected.members {
        let want = member.membership.as_deref().unwrap_or("none");
        let there = found.get(user.as_str());
        let have = there
            .and_then(|there| there.membership.as_deref())
            .unwrap_or("nothing");
        if want != have {
            comparison
                .differences
                .push(format!("{user} is {have} instead of {want}"));
            continue;
        }
        let profile_differs = there.is_some_and(|there| {
            (&there.displayname, &there.avatar_url) != (&member.displayname, &member.avatar_url)
        });
        if !profile_differs || want != "join" {
            comparison.equal += 1;
        } else if user == joiner {
            comparison.equal += 1;
            comparison.known.push(format!(
                "{user} has the global name and picture here, by its new join event"
            ));
        } else {
            comparison
                .differences
                .push(format!("{user} has another name or picture"));
        }
    }
    let unexpected = found.iter().filter(|(user, _)| {
        !expected
            .members
            .keys()
            .any(|known| known.as_str() == **user)
    });
    for (user, member) in unexpected {
        comparison.differences.push(format!(
            "{user} is {}, but is not in the source",
            member.membership.as_deref().unwrap_or("there")
        ));
    }
    comparison
}

fn compare_state(found: &BTreeMap<(&str, &str), &OwnedEventId>, expected: &Expected) -> Comparison {
    let mut comparison = Comparison {
        expected: expected.state.len() as u64,
        ..Comparison::default()
    };
    for ((kind, key), id) in &expected.state {
        match found.get(&(kind.as_str(), key.as_str())) {
            Some(there) if *there == id => comparison.equal += 1,
            Some(there) => comparison
                .differences
                .push(format!("{} is {there} instead of {id}", name(kind, key))),
            None => comparison
                .differences
                .push(format!("{} {id} is missing", name(kind, key))),
        }
    }
    for ((kind, key), id) in found {
        if !expected
            .state
            .contains_key(&((*kind).to_owned(), (*key).to_owned()))
        {
            comparison
                .differences
                .push(format!("{} {id} is not in the source", name(kind, key)));
        }
    }
    comparison
}

fn compare_timeline(expected: &Expected, found: &Found) -> Comparison {
    let mut comparison = Comparison {
        expected: expected.timeline.len() as u64,
        ..Comparison::default()
    };
    let there: HashMap<_, _> = found
        .timeline
        .iter()
        .chain(&found.seen_by_others)
        .map(|entry| (&entry.event_id, &entry.content))
        .collect();
    let brought = brought_in(expected, found);
    for TimelineEntry {
        event_id: id,
        kind,
        content,
    } in &expected.timeline
    {
        if brought.contains(id) {
            comparison.known.push(format!(
                "{id} ({kind}) is on a fork or behind one and was refused in its place: it stands before the room's first event"
            ));
        }
        let edge = expected.edges.get(id);
        if let Some(have) = there.get(id) {
            if edge == Some(&Edge::First) {
                comparison.known.push(format!(
                    "{id} ({kind}) claims to be older than the room: the target shows it first"
                ));
            }
            if *have == content {
                comparison.equal += 1;
            } else if edge == Some(&Edge::Empty) {
                comparison.known.push(format!(
                    "{id} ({kind}) has no content here: it has fractions or numbers beyond 53 bits, which no server can send"
                ));
            } else {
                comparison
                    .differences
                    .push(format!("{id} ({kind}) has another content"));
            }
        } else if !expected.replay {
            // Told once, below.
        } else if edge == Some(&Edge::InTheJoin) {
            comparison.known.push(if kind == "m.room.create" {
                format!("{id}: a version 12 create event is in the state, not in the timeline")
            } else {
                format!(
                    "{id} ({kind}) is redacted and older than the join: the target has it as state, not in the timeline"
                )
            });
        } else if kind == "org.matrix.dummy_event" {
            comparison
                .known
                .push(format!("{id}: the target never shows dummy events"));
        } else {
            comparison
                .differences
                .push(format!("{id} ({kind}) is missing"));
        }
    }
    if !expected.replay {
        comparison
            .known
            .push("this target takes no history: it joins at the current state".to_owned());
    }
    comparison
}

/// How many events are in the target's timeline alone.
fn added(expected: &Expected, found: &Found) -> u64 {
    let wanted: BTreeSet<_> = expected
        .timeline
        .iter()
        .map(|entry| &entry.event_id)
        .collect();
    let is_added = |entry: &&TimelineEntry| !wanted.contains(&entry.event_id);
    found.timeline.iter().filter(is_added).count() as u64
}

/// Whether the events that both have come in the same order, each once.
fn same_order(expected: &Expected, found: &Found) -> bool {
    let place: HashMap<_, _> = expected
        .timeline
        .iter()
        .enumerate()
        .map(|(place, entry)| (&entry.event_id, place))
        .filter(|(id, _)| expected.edges.get(*id) != Some(&Edge::First))
        .collect();
    let brought = brought_in(expected, found);
    found
        .timeline
        .iter()
        .filter(|entry| !brought.contains(&entry.event_id))
        .filter_map(|entry| place.get(&entry.event_id))
        .is_sorted_by(|a, b| a < b)
}

/// Events on forks or behind them that stand before all others, though others should come before them: so stands what came as backfill
/// because the target had refused it.
fn brought_in<'a>(expected: &'a Expected, found: &Found) -> BTreeSet<&'a OwnedEventId> {
    let entries = expected.timeline.iter().enumerate();
    let place: HashMap<_, _> = entries
        .map(|(place, entry)| (&entry.event_id, place))
        .collect();
    let is_forked = expected.is_forked();
    let places: Vec<usize> = found
        .timeline
        .iter()
        .filter_map(|entry| place.get(&entry.event_id).copied())
        .collect();
    let first = places.iter().take_while(|place| is_forked(**place)).count();
    let (ahead, rest) = places.split_at(first);
    let least = rest.iter().min();
    ahead
        .iter()
        .filter(|place| least.is_some_and(|least| least < *place))
        .map(|place| &expected.timeline[*place].event_id)
        .collect()
}

#[cfg(test)]
mod tests;
