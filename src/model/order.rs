//! Topological order: every event after the events that it follows.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap},
    hash::Hash,
};

use ruma::OwnedEventId;

/// Something that stands for an event, with the event's ID and the IDs of those that it follows.
#[derive(Debug, Clone)]
pub struct Linked<T, Id = OwnedEventId> {
    /// The event.
    pub id: Id,
    /// The events that it follows.
    pub previous: Vec<Id>,
    /// What stands for it.
    pub item: T,
}

/// Keeps the given order where it can, and moves an event behind those that it follows where it must.
///
/// Events that follow each other in a circle (which hashes rule out from version 3 on) come last, as given.
#[must_use]
pub fn topological<T, Id: Eq + Hash>(events: Vec<Linked<T, Id>>) -> Vec<T> {
    let place: HashMap<&Id, usize> = events
        .iter()
        .enumerate()
        .map(|(index, event)| (&event.id, index))
        .collect();
    let mut waits_for = vec![0_usize; events.len()];
    let mut followers = vec![Vec::new(); events.len()];
    for (index, event) in events.iter().enumerate() {
        for earlier in event.previous.iter().filter_map(|id| place.get(id)) {
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
    ranked.into_iter().map(|(_, event)| event.item).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn event(id: usize, previous: &[usize]) -> Linked<usize> {
        let name = |id: usize| OwnedEventId::try_from(format!("${id}")).unwrap();
        Linked {
            id: name(id),
            previous: previous.iter().copied().map(name).collect(),
            item: id,
        }
    }

    #[test]
    fn a_good_order_stays() {
        let events = vec![
            event(0, &[]),
            event(2, &[0]),
            event(1, &[0]),
            event(3, &[1, 2, 9]),
        ];
        assert_eq!(topological(events), [0, 2, 1, 3]);
    }

    #[test]
    fn an_event_moves_behind_those_that_it_follows() {
        let events = vec![
            event(3, &[2]),
            event(0, &[]),
            event(2, &[0]),
            event(1, &[0]),
        ];
        assert_eq!(topological(events), [0, 2, 3, 1]);
    }

    #[test]
    fn a_circle_loses_nothing() {
        let events = vec![event(1, &[2]), event(2, &[1]), event(0, &[])];
        assert_eq!(topological(events), [0, 1, 2]);
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
            events.sort_by_key(|event| {
                event.id.as_str().bytes().fold(shuffle, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
            });
            let before = events.clone();
            let after = topological(events);
            prop_assert_eq!(after.len(), count);
            for event in before {
                let at = |id: &OwnedEventId| after.iter().position(|item| format!("${item}") == id.as_str()).unwrap();
                prop_assert!(event.previous.iter().all(|earlier| at(earlier) < at(&event.id)));
            }
        }
    }
}
