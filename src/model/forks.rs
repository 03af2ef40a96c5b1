//! The order in which a timeline with forks is replayed.
//!
//! A target checks an event not only against the state where it was said, but also against the state that the room has
//! by then. The source had heard what a banned user said before it heard of the ban; sorted by depth, the ban may come
//! first. So what takes somebody's rights away waits until all is sent that it would forbid and that does not follow it.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap},
    hash::{DefaultHasher, Hash, Hasher},
    ops::Range,
};

use ruma::EventId;

use super::pdu::PduHeader;

/// What a timeline's events follow, taken in while they pass by: some 70 bytes of each.
#[derive(Debug, Default)]
pub struct Links {
    places: HashMap<u64, u32>,
    events: Vec<Link>,
}

/// How a timeline is replayed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Replay {
    /// The places of its events in the order that was given.
    pub order: Vec<u32>,
    /// Of each event in this order, whether one that it does not follow comes before it.
    pub beside: Vec<bool>,
    /// Of each event in this order, whether it names the one before it as its predecessor.
    pub follows: Vec<bool>,
}

#[derive(Debug)]
struct Link {
    /// Nothing if it follows the one before it, and only that.
    previous: Option<Box<[u32]>>,
    /// Whether none of its predecessors is known: it only stands after the one before it.
    is_gap: bool,
    sender: u64,
    takes: Option<Takes>,
}

/// Whom an event takes something from.
#[derive(Debug, Clone, Copy)]
enum Takes {
    /// Somebody's membership.
    From(u64),
    /// Anybody's rights but the sender's own.
    FromOthers,
}

impl Links {
    /// The next event of the timeline.
    pub fn pass(&mut self, id: &EventId, header: &PduHeader) {
        // Places of a bundle's room fit: it would have four billion events.
        let place = u32::try_from(self.events.len()).unwrap_or(u32::MAX);
        let previous: Vec<u32> = header
            .prev_events
            .iter()
            .filter_map(|event| self.places.get(&short(event.id())).copied())
            .collect();
        // After a gap it goes on with what is known.
        let is_next = previous.is_empty() || previous == [place.wrapping_sub(1)];
        self.events.push(Link {
            is_gap: previous.is_empty(),
            previous: (!is_next).then(|| previous.into()),
            sender: short(&header.sender),
            takes: takes(header),
        });
        self.places.insert(short(id), place);
    }

    /// An event that can't be read.
    pub fn pass_unreadable(&mut self, id: &EventId) {
        let place = u32::try_from(self.events.len()).unwrap_or(u32::MAX);
        self.events.push(Link {
            is_gap: true,
            previous: None,
            sender: 0,
            takes: None,
        });
        self.places.insert(short(id), place);
    }

    /// The order of the replay. The first events, so many, stay where they are, and so does all that is on no fork.
    #[must_use]
    pub fn replay(self, fixed: usize) -> Replay {
        let mut order = Vec::with_capacity(self.events.len());
        let earliest = self.earliest_after();
        let mut start = 0;
        for place in 0..self.events.len() {
            // All that comes later follows this one.
            if earliest[place] >= place {
                self.sort(start..place + 1, fixed, &earliest, &mut order);
                start = place + 1;
            }
        }
        Replay {
            beside: self.beside(&order),
            follows: self.follows(&order),
            order,
        }
    }

    fn previous(&self, place: usize) -> impl Iterator<Item = usize> {
        let link = &self.events[place];
        let before = (link.previous.is_none() && place > 0).then(|| place - 1);
        let named = link.previous.iter().flatten();
        named.map(|place| *place as usize).chain(before)
    }

    /// For each event, the earliest one that any later event names.
    fn earliest_after(&self) -> Vec<usize> {
        let mut earliest = vec![usize::MAX; self.events.len()];
        let mut least = usize::MAX;
        for place in (0..self.events.len()).rev() {
            earliest[place] = least;
            least = self.previous(place).fold(least, usize::min);
        }
        earliest
    }

    /// Sorts a stretch with forks.
    fn sort(&self, stretch: Range<usize>, fixed: usize, earliest: &[usize], order: &mut Vec<u32>) {
        let first = stretch.start;
        let waits = |place: usize| place >= fixed && self.waits(place, stretch.end, earliest);
        let waits: Vec<bool> = stretch.clone().map(waits).collect();
        if !waits.contains(&true) {
            order.extend(stretch.filter_map(|place| u32::try_from(place).ok()));
            return;
        }
        let mut missing = vec![0_usize; stretch.len()];
        let mut followers = vec![Vec::new(); stretch.len()];
        for place in stretch.clone() {
            let mut after = |earlier: usize| {
                missing[place - first] += 1;
                followers[earlier - first].push(place);
            };
            self.previous(place)
                .filter(|earlier| *earlier >= first)
                .for_each(&mut after);
            // What is fixed stays before all that is not.
            if place >= fixed && first < fixed {
                after(fixed - 1);
            } else if place > first && place < fixed {
                after(place - 1);
            }
        }
        let entry = |place: usize| Reverse((waits[place - first], place));
        let mut ready: BinaryHeap<_> = stretch
            .filter(|place| missing[place - first] == 0)
            .map(entry)
            .collect();
        while let Some(Reverse((_, place))) = ready.pop() {
            order.extend(u32::try_from(place));
            for follower in &followers[place - first] {
                missing[follower - first] -= 1;
                if missing[follower - first] == 0 {
                    ready.push(entry(*follower));
                }
            }
        }
    }

    /// Whether an event would forbid a later one that doesn't follow it.
    fn waits(&self, place: usize, end: usize, earliest: &[usize]) -> bool {
        let Some(takes) = self.events[place].takes else {
            return false;
        };
        let sender = self.events[place].sender;
        let mut follows = vec![true];
        let mut beyond = place;
        for later in place + 1..end {
            // From here on all of them follow it.
            if earliest[later - 1] >= beyond {
                return false;
            }
            let is_after = self
                .previous(later)
                .any(|earlier| earlier >= place && follows[earlier - place]);
            follows.push(is_after);
            if is_after {
                continue;
            }
            beyond = later + 1;
            let by = self.events[later].sender;
            let forbids = match takes {
                Takes::From(user) => by == user,
                Takes::FromOthers => by != sender,
            };
            if forbids {
                return true;
            }
        }
        false
    }

    fn follows(&self, order: &[u32]) -> Vec<bool> {
        let mut before = None;
        let step = |place: &u32| {
            let place = *place as usize;
            let before = before.replace(place);
            before.is_some_and(|before| {
                !self.events[place].is_gap && self.previous(place).any(|earlier| earlier == before)
            })
        };
        order.iter().map(step).collect()
    }

    fn beside(&self, order: &[u32]) -> Vec<bool> {
        let mut is_tip = vec![false; self.events.len()];
        let mut tips = 0_usize;
        let step = |place: &u32| {
            let place = *place as usize;
            for earlier in self.previous(place) {
                tips -= usize::from(std::mem::take(&mut is_tip[earlier]));
            }
            is_tip[place] = true;
            tips += 1;
            tips > 1
        };
        order.iter().map(step).collect()
    }
}

fn takes(header: &PduHeader) -> Option<Takes> {
    let key = header.state_key.as_deref()?;
    match (header.kind.as_str(), header.membership.as_deref()) {
        ("m.room.member", Some("leave" | "ban")) => Some(Takes::From(short(key))),
        ("m.room.power_levels" | "m.room.join_rules" | "m.room.server_acl", _) => {
            Some(Takes::FromOthers)
        }
        _ => None,
    }
}

/// Stands for an ID, the same in every run.
fn short(id: impl AsRef<str>) -> u64 {
    let mut hasher = DefaultHasher::new();
    id.as_ref().hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{json, value::to_raw_value};

    use super::*;
    use crate::model::pdu;

    /// What stands for an event: ID, sender, type, membership or state key, and what it follows.
    type Event<'a> = (&'a str, &'a str, &'a str, &'a str, &'a [&'a str]);

    fn links(events: &[Event<'_>]) -> Links {
        let mut links = Links::default();
        for (id, sender, kind, about, previous) in events {
            let mut pdu = json!({
                "type": kind, "sender": format!("@{sender}:x"), "origin_server_ts": 1, "depth": 1,
                "prev_events": previous, "auth_events": [], "content": {},
            });
            match *kind {
                "m.room.member" => {
                    let (user, membership) = about.split_once(' ').unwrap();
                    pdu["state_key"] = json!(format!("@{user}:x"));
                    pdu["content"] = json!({ "membership": membership });
                }
                "m.room.message" => {}
                _ => pdu["state_key"] = json!(about),
            }
            let pdu = to_raw_value(&pdu::hashed(pdu)).unwrap();
            let header = PduHeader::of(&pdu).unwrap();
            links.pass(<&EventId>::try_from(*id).unwrap(), &header);
        }
        links
    }

    fn order(events: &[Event<'_>], fixed: usize) -> Vec<u32> {
        links(events).replay(fixed).order
    }

    const SAID: &str = "m.room.message";

    /// Rita throws Bert out while he goes on.
    const KICKED: [Event<'_>; 8] = [
        ("$0", "rita", "m.room.create", "", &[]),
        ("$1", "bert", "m.room.member", "bert join", &["$0"]),
        ("$2", "rita", "m.room.member", "bert leave", &["$1"]),
        ("$3", "bert", SAID, "", &["$1"]),
        ("$4", "rolf", SAID, "", &["$2"]),
        ("$5", "bert", SAID, "", &["$3"]),
        ("$6", "anna", SAID, "", &["$5", "$4"]),
        ("$7", "rita", SAID, "", &["$6"]),
    ];

    #[test]
    fn who_is_thrown_out_speaks_first() {
        let replay = links(&KICKED).replay(2);
        assert_eq!(replay.order, [0, 1, 3, 5, 2, 4, 6, 7]);
        let beside: Vec<_> = replay.order.iter().zip(replay.beside).collect();
        let beside: Vec<u32> = beside
            .iter()
            .filter(|(_, is)| *is)
            .map(|(id, _)| **id)
            .collect();
        assert_eq!(beside, [2, 4]);
        let (yes, no) = (true, false);
        assert_eq!(replay.follows, [no, yes, yes, yes, no, yes, yes, yes]);
    }

    #[test]
    fn what_is_fixed_stays() {
        assert_eq!(order(&KICKED, 3), [0, 1, 2, 3, 4, 5, 6, 7]);
    }

    #[test]
    fn a_fork_on_which_nobody_loses_anything_stays() {
        let mut events = KICKED;
        events[2] = ("$2", "rita", "m.room.topic", "", &["$1"]);
        assert_eq!(order(&events, 2), [0, 1, 2, 3, 4, 5, 6, 7]);
        // Somebody else's leaving forbids nothing that was said here.
        events[2] = ("$2", "rolf", "m.room.member", "remo leave", &["$1"]);
        assert_eq!(order(&events, 2), [0, 1, 2, 3, 4, 5, 6, 7]);
    }

    #[test]
    fn taking_power_waits_for_all_others() {
        let mut events = KICKED;
        events[2] = ("$2", "rita", "m.room.power_levels", "", &["$1"]);
        assert_eq!(order(&events, 2), [0, 1, 3, 5, 2, 4, 6, 7]);
    }

    #[test]
    fn what_follows_the_ban_comes_after_it() {
        let events: [Event<'_>; 5] = [
            ("$0", "rita", "m.room.create", "", &[]),
            ("$1", "rita", "m.room.member", "bert ban", &["$0"]),
            ("$2", "rita", "m.room.member", "bert leave", &["$1"]),
            ("$3", "bert", "m.room.member", "bert join", &["$2"]),
            ("$4", "bert", SAID, "", &["$3"]),
        ];
        let replay = links(&events).replay(0);
        assert_eq!(replay.order, [0, 1, 2, 3, 4]);
        assert_eq!(replay.beside, [false; 5]);
    }

    #[test]
    fn nothing_follows_across_a_gap() {
        let events: [Event<'_>; 4] = [
            ("$0", "rita", "m.room.create", "", &[]),
            ("$1", "rita", SAID, "", &["$0"]),
            ("$8", "rita", SAID, "", &["$7"]),
            ("$9", "rita", SAID, "", &["$8"]),
        ];
        let replay = links(&events).replay(0);
        assert_eq!(replay.order, [0, 1, 2, 3]);
        assert_eq!(replay.follows, [false, true, false, true]);
    }

    #[test]
    fn both_wait_for_each_other_only_as_far_as_they_can() {
        let events: [Event<'_>; 5] = [
            ("$0", "rita", "m.room.create", "", &[]),
            ("$1", "anna", "m.room.member", "rolf ban", &["$0"]),
            ("$2", "rita", "m.room.member", "bert leave", &["$0"]),
            ("$3", "bert", SAID, "", &["$1"]),
            ("$4", "rolf", SAID, "", &["$2"]),
        ];
        assert_eq!(order(&events, 0), [0, 1, 3, 2, 4]);
    }

    proptest! {
        #[test]
        fn every_event_comes_once_and_after_those_that_it_follows(
            made in proptest::collection::vec((0..4_u8, proptest::collection::vec(any::<prop::sample::Index>(), 0..3), any::<bool>()), 1..40),
            fixed in 0..10_usize,
        ) {
            let names: Vec<String> = (0..made.len()).map(|place| format!("${place}")).collect();
            let mut links = Links::default();
            let mut followed = Vec::new();
            for (place, (who, previous, takes)) in made.iter().enumerate() {
                let earlier: Vec<usize> = previous.iter().filter(|_| place > 0).map(|index| index.index(place)).collect();
                let user = format!("@{who}:x");
                let mut pdu = json!({
                    "type": "m.room.message", "sender": user, "origin_server_ts": 1, "depth": 1, "auth_events": [], "content": {},
                    "prev_events": earlier.iter().map(|place| names[*place].as_str()).collect::<Vec<_>>(),
                });
                if *takes {
                    pdu["type"] = json!("m.room.member");
                    pdu["state_key"] = json!(format!("@{}:x", (who + 1) % 4));
                    pdu["content"] = json!({ "membership": "ban" });
                }
                let pdu = to_raw_value(&pdu::hashed(pdu)).unwrap();
                links.pass(<&EventId>::try_from(names[place].as_str()).unwrap(), &PduHeader::of(&pdu).unwrap());
                followed.push(earlier);
            }
            let order = links.replay(fixed).order;
            let mut at = vec![usize::MAX; made.len()];
            for (new, place) in order.iter().enumerate() {
                prop_assert_eq!(std::mem::replace(&mut at[*place as usize], new), usize::MAX);
            }
            prop_assert_eq!(order.len(), made.len());
            for (place, earlier) in followed.iter().enumerate() {
                prop_assert!(earlier.iter().all(|earlier| at[*earlier] < at[place]));
            }
            for (place, new) in at.iter().enumerate().take(fixed) {
                prop_assert_eq!(place, *new);
            }
        }
    }
}
