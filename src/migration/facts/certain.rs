//! Where in a history the state is certain from its order alone, without state resolution. No I/O.

use std::collections::{BTreeSet, HashMap, VecDeque};

use ruma::{EventId, OwnedEventId};

use crate::model::pdu::PduHeader;

/// So many events back, a fork is looked at; one that begins earlier makes the state uncertain.
const REACH: usize = 1_000;

/// A walk along a timeline. After an event, the state is that of all state events so far, each in its turn, if that event
/// is the only tip of the graph, and if nothing was said on one branch of a fork that the other branch's state could
/// contradict.
#[derive(Debug, Default)]
pub(super) struct Certain {
    /// Events before which the state is known.
    known: BTreeSet<OwnedEventId>,
    tips: BTreeSet<OwnedEventId>,
    /// The last events: their places.
    places: HashMap<OwnedEventId, u64>,
    order: VecDeque<OwnedEventId>,
    /// The place of the last state event.
    last_state: u64,
    next: u64,
    lost: bool,
    /// The state was taken from elsewhere in the middle of the timeline.
    broken: bool,
}

impl Certain {
    /// `known` are events before which the state is known otherwise.
    #[must_use]
    pub(super) fn new(known: BTreeSet<OwnedEventId>) -> Self {
        Self {
            known,
            ..Self::default()
        }
    }

    /// The next event of the timeline; whether the state after it is certain.
    pub(super) fn step(&mut self, header: &PduHeader, event_id: &EventId) -> bool {
        let place = self.next;
        self.next += 1;
        if self.known.contains(event_id) {
            self.lost = false;
            self.broken |= place > 0;
            self.tips.clear();
            self.places.clear();
            self.order.clear();
            self.last_state = place;
        } else if !self.follows(header, place) {
            self.lost = true;
        }
        for prev in &header.prev_events {
            self.tips.remove(prev.id());
        }
        self.tips.insert(event_id.to_owned());
        self.remember(event_id, place);
        if header.state_key.is_some() {
            self.last_state = place;
            // The other tips don't know of it.
            self.lost |= self.tips.len() > 1;
        }
        self.tips.len() == 1 && !self.lost
    }

    /// Whether the way here, from the first event on, was certain by the order alone.
    pub(super) fn is_whole(&self) -> bool {
        !self.broken
    }

    /// An event that can't be read: nothing after it is certain, until the state is known again.
    pub(super) fn lose(&mut self) {
        self.next += 1;
        self.lost = true;
    }

    /// Whether an event's predecessors are there, and no state came between the oldest of them and now.
    fn follows(&self, header: &PduHeader, place: u64) -> bool {
        if header.prev_events.is_empty() {
            return place == 0;
        }
        // Whoever follows the only tip follows all, whatever else it names: a join from elsewhere names what was there
        // before its invite, too.
        let mut named = header.prev_events.iter();
        let is_last = self.tips.len() == 1 && named.any(|prev| self.tips.contains(prev.id()));
        header.prev_events.iter().all(|prev| {
            let place = self.places.get(prev.id());
            place.is_some_and(|place| is_last || *place >= self.last_state)
        })
    }

    fn remember(&mut self, event_id: &EventId, place: u64) {
        self.places.insert(event_id.to_owned(), place);
        self.order.push_back(event_id.to_owned());
        if self.order.len() > REACH
            && let Some(oldest) = self.order.pop_front()
        {
            self.places.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{json, value::to_raw_value};

    use super::*;
    use crate::model::pdu::PduHeader;

    /// Events by name, predecessors and whether they are state; gives those after which the state is certain.
    fn certain(known: &[&str], events: &[(&str, &[&str], bool)]) -> Vec<String> {
        let known = known.iter().map(|id| (*id).try_into().unwrap()).collect();
        let mut walk = Certain::new(known);
        let mut sure = Vec::new();
        for (id, prev, is_state) in events {
            let mut pdu = json!({
                "type": "m.any", "sender": "@a:x", "room_id": "!r:x", "origin_server_ts": 1, "depth": 1,
                "prev_events": prev, "auth_events": [], "content": {},
            });
            if *is_state {
                pdu["state_key"] = json!("");
            }
            let header = PduHeader::of(&to_raw_value(&pdu).unwrap()).unwrap();
            if walk.step(&header, &OwnedEventId::try_from(*id).unwrap()) {
                sure.push((*id).to_owned());
            }
        }
        sure
    }

    #[test]
    fn a_straight_line_is_certain() {
        let line: [(&str, &[&str], bool); 3] = [
            ("$0", &[], true),
            ("$1", &["$0"], true),
            ("$2", &["$1"], false),
        ];
        assert_eq!(certain(&[], &line), ["$0", "$1", "$2"]);
    }

    #[test]
    fn who_names_more_than_the_last_event_makes_no_fork() {
        let line: [(&str, &[&str], bool); 4] = [
            ("$0", &[], true),
            ("$1", &["$0"], true),
            ("$2", &["$0", "$1"], true),
            ("$3", &["$2"], false),
        ];
        assert_eq!(certain(&[], &line), ["$0", "$1", "$2", "$3"]);
    }

    #[test]
    fn a_fork_of_messages_is_certain_again_where_it_is_joined() {
        let fork: [(&str, &[&str], bool); 6] = [
            ("$0", &[], true),
            ("$a", &["$0"], false),
            ("$b", &["$0"], false),
            ("$c", &["$a"], false),
            ("$d", &["$b", "$c"], true),
            ("$e", &["$d"], false),
        ];
        assert_eq!(certain(&[], &fork), ["$0", "$a", "$d", "$e"]);
    }

    #[test]
    fn state_on_one_branch_is_not_certain_again() {
        let beside: [(&str, &[&str], bool); 4] = [
            ("$0", &[], true),
            ("$a", &["$0"], false),
            ("$b", &["$0"], true),
            ("$c", &["$a", "$b"], false),
        ];
        assert_eq!(certain(&[], &beside), ["$0", "$a"]);
        // The state came first, and then somebody who hadn't heard of it.
        let behind: [(&str, &[&str], bool); 4] = [
            ("$0", &[], true),
            ("$a", &["$0"], true),
            ("$b", &["$0"], false),
            ("$c", &["$a", "$b"], false),
        ];
        assert_eq!(certain(&[], &behind), ["$0", "$a"]);
        assert_eq!(certain(&["$c"], &behind), ["$0", "$a", "$c"]);
    }

    #[test]
    fn a_gap_is_not_certain_until_the_state_is_known() {
        let gap: [(&str, &[&str], bool); 4] = [
            ("$1", &["$0"], false),
            ("$2", &["$1"], false),
            ("$8", &["$7"], false),
            ("$9", &["$8"], true),
        ];
        assert!(certain(&[], &gap).is_empty());
        assert_eq!(certain(&["$1"], &gap), ["$1", "$2"]);
        assert_eq!(certain(&["$1", "$8"], &gap), ["$1", "$2", "$8", "$9"]);
    }

    #[test]
    fn what_is_unreadable_is_not_certain() {
        let mut walk = Certain::default();
        walk.lose();
        let pdu = json!({
            "type": "m.any", "sender": "@a:x", "room_id": "!r:x", "origin_server_ts": 1, "depth": 1,
            "prev_events": [], "auth_events": [], "content": {},
        });
        let header = PduHeader::of(&to_raw_value(&pdu).unwrap()).unwrap();
        assert!(!walk.step(&header, &OwnedEventId::try_from("$1").unwrap()));
    }
}
