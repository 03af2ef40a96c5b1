//! The timeline's order: every event after the events that it follows.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap},
};

use ruma::OwnedEventId;

use crate::model::event_line::EventLine;

/// An event with the events that it follows.
pub(super) type Linked = (EventLine, Vec<OwnedEventId>);

/// Keeps the given order where it can, and moves an event behind those that it follows where it must.
///
/// Events that follow each other in a circle (which hashes rule out from version 3 on) come last, as given.
pub(super) fn topological(events: Vec<Linked>) -> Vec<EventLine> {
    let place: HashMap<&OwnedEventId, usize> = events
        .iter()
        .enumerate()
        .map(|(index, (line, _))| (&line.event_id, index))
        .collect();
    let mut waits_for = vec![0_usize; events.len()];
    let mut followers = vec![Vec::new(); events.len()];
    for (index, (_, previous)) in events.iter().enumerate() {
        for earlier in previous.iter().filter_map(|id| place.get(id)) {
            waits_for[index] += 1;
            followers[*earlier].push(index);
        }
    }
    let mut ready: BinaryHeap<_> = (0..events.len())
        .filter(|index| waits_for[*index] == 0)
        .map(Reverse)
        .collect();
    let mut rank = vec![usize::MAX; events.len()];
    let mut next = 0;
    while let Some(Reverse(index)) = ready.pop() {
        rank[index] = next;
        next += 1;
        for follower in &followers[index] {
            waits_for[*follower] -= 1;
            if waits_for[*follower] == 0 {
                ready.push(Reverse(*follower));
            }
        }
    }
    let mut ranked: Vec<_> = rank.into_iter().zip(events).collect();
    ranked.sort_by_key(|(rank, _)| *rank);
    ranked.into_iter().map(|(_, (line, _))| line).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::value::RawValue;

    use super::*;

    fn event(id: usize, previous: &[usize]) -> Linked {
        let name = |id: usize| OwnedEventId::try_from(format!("${id}")).unwrap();
        let line = EventLine {
            room_id: "!a:b".try_into().unwrap(),
            event_id: name(id),
            outlier: false,
            rejected: false,
            soft_failed: false,
            redacted_by: None,
            pdu: RawValue::from_string("{}".into()).unwrap(),
        };
        (line, previous.iter().copied().map(name).collect())
    }

    fn ids(lines: &[EventLine]) -> Vec<&str> {
        lines.iter().map(|line| line.event_id.as_str()).collect()
    }

    #[test]
    fn a_good_order_stays() {
        let events = vec![
            event(0, &[]),
            event(2, &[0]),
            event(1, &[0]),
            event(3, &[1, 2, 9]),
        ];
        assert_eq!(ids(&topological(events)), ["$0", "$2", "$1", "$3"]);
    }

    #[test]
    fn an_event_moves_behind_those_that_it_follows() {
        let events = vec![
            event(3, &[2]),
            event(0, &[]),
            event(2, &[0]),
            event(1, &[0]),
        ];
        assert_eq!(ids(&topological(events)), ["$0", "$2", "$3", "$1"]);
    }

    #[test]
    fn a_circle_loses_nothing() {
        let events = vec![event(1, &[2]), event(2, &[1]), event(0, &[])];
        assert_eq!(ids(&topological(events)), ["$0", "$1", "$2"]);
    }

    proptest! {
        #[test]
        fn no_event_comes_before_one_that_it_follows(
            links in proptest::collection::vec(proptest::collection::vec(any::<prop::sample::Index>(), 0..3), 1..40),
            shuffle in any::<u64>(),
        ) {
            let mut events: Vec<_> = links.iter().enumerate().map(|(id, previous)| {
                let earlier: Vec<_> = previous.iter().filter(|_| id > 0).map(|index| index.index(id)).collect();
                event(id, &earlier)
            }).collect();
            let count = events.len();
            events.sort_by_key(|(line, _)| {
                line.event_id.as_str().bytes().fold(shuffle, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
            });
            let before = events.clone();
            let after = topological(events);
            prop_assert_eq!(after.len(), count);
            for (line, previous) in before {
                let at = |id: &OwnedEventId| after.iter().position(|line| line.event_id == *id).unwrap();
                prop_assert!(previous.iter().all(|earlier| at(earlier) < at(&line.event_id)));
            }
        }
    }
}
