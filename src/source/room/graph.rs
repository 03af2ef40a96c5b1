//! How a room's events hang together, learnt while they pass by: what is missing, where there are gaps, who signed.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    hash::{BuildHasher, RandomState},
};

use ruma::{EventId, OwnedEventId, OwnedServerName, ServerName};

use crate::model::{event_line::EventLine, pdu::PduHeader};

/// First joins behind a fork, of each server: some of those who came may have left.
const JOINS: usize = 3;

/// A room's timeline as far as it has passed by. It holds a fingerprint of each event, not its ID: a million events
/// need some 40 MB.
#[derive(Debug, Default)]
pub struct Graph {
    known: Known,
    /// Events that did not come yet, with those that follow them and the places of these.
    awaited: HashMap<OwnedEventId, Vec<(u64, OwnedEventId)>>,
    /// The last event, and whether the history up to it has a fork since the beginning or the last gap.
    last: Option<OwnedEventId>,
    is_forked: bool,
    /// Fingerprints of those who have joined.
    joined: HashSet<u64>,
    /// First joins behind a fork, by server, with their places.
    late_joins: HashMap<OwnedServerName, Vec<(u64, OwnedEventId)>>,
    findings: Findings,
}

/// The events that have passed by.
#[derive(Debug, Default)]
pub struct Known {
    hashers: [RandomState; 2],
    fingerprints: HashSet<(u64, u64)>,
}

/// What is known when the whole timeline has passed by.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// Events of the timeline.
    pub events: u64,
    /// Whether the create event is among them.
    pub complete: bool,
    /// Whether an event came before one that it follows.
    pub disordered: bool,
    /// Auth events that are not in the timeline.
    pub authorities: BTreeSet<OwnedEventId>,
    /// Events before which the state has to be told, in their order: those that follow one which is not in the timeline,
    /// and the first joins of ours behind a fork, where somebody may join anew.
    pub gaps: Vec<OwnedEventId>,
    /// The servers that signed.
    pub signers: BTreeSet<OwnedServerName>,
}

impl Known {
    /// Whether an event has passed by.
    #[must_use]
    pub fn has(&self, id: &EventId) -> bool {
        self.fingerprints.contains(&self.fingerprint(id))
    }

    /// 128 bits: two events with the same are not to be expected on any server.
    fn fingerprint(&self, id: &EventId) -> (u64, u64) {
        let [one, other] = &self.hashers;
        (one.hash_one(id), other.hash_one(id))
    }
}

impl Graph {
    /// The next event of the timeline. False if it has passed by before: it is to be left out then.
    pub fn pass(&mut self, line: &EventLine, header: &PduHeader) -> bool {
        let id = &line.event_id;
        let fingerprint = self.known.fingerprint(id);
        if !self.known.fingerprints.insert(fingerprint) {
            return false;
        }
        let findings = &mut self.findings;
        findings.events += 1;
        findings.complete |= header.kind == "m.room.create";
        findings.disordered |= self.awaited.remove(id).is_some();
        findings.authorities.remove(id);
        for event in &header.prev_events {
            if !self.known.has(event.id()) {
                let followers = self.awaited.entry(event.id().clone()).or_default();
                followers.push((findings.events, id.clone()));
            }
        }
        self.note_join(line, header);
        let findings = &mut self.findings;
        for event in &header.auth_events {
            if !self.known.has(event.id()) {
                findings.authorities.insert(event.id().clone());
            }
        }
        for server in header.signers() {
            if !findings.signers.contains(&server) {
                findings.signers.insert(server);
            }
        }
        true
    }

    /// Notes somebody's first join, if the history up to it has a fork: nobody could tell the state there.
    fn note_join(&mut self, line: &EventLine, header: &PduHeader) {
        // Whoever follows the last event follows all, whatever else it names: a join from elsewhere names what was there
        // before its invite, too.
        let follows = self
            .last
            .as_ref()
            .is_none_or(|last| header.prev_events.iter().any(|event| event.id() == last));
        let all_missing = header
            .prev_events
            .iter()
            .all(|event| self.awaited.contains_key(event.id()));
        self.is_forked = !all_missing && (self.is_forked || !follows);
        self.last = Some(line.event_id.clone());
        let is_join = header.kind == "m.room.member"
            && header.membership.as_deref() == Some("join")
            && header.state_key.as_deref() == Some(header.sender.as_str());
        if is_join
            && self
                .joined
                .insert(self.known.hashers[0].hash_one(&header.sender))
            && self.is_forked
        {
            let server = header.sender.server_name().to_owned();
            let joins = self.late_joins.entry(server).or_default();
            if joins.len() < JOINS {
                joins.push((self.findings.events, line.event_id.clone()));
            }
        }
    }

    /// The end of the timeline of a room on our server.
    #[must_use]
    pub fn finish(mut self, ours: &ServerName) -> (Known, Findings) {
        let mut findings = self.findings;
        let late_joins = self.late_joins.remove(ours).unwrap_or_default();
        let gaps: BTreeSet<_> = self
            .awaited
            .into_values()
            .flatten()
            .chain(late_joins)
            .collect();
        findings.gaps = gaps.into_iter().map(|(_, id)| id).collect();
        (self.known, findings)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(id: &str, kind: &str, previous: &[&str], auth: &[&str]) -> (EventLine, PduHeader) {
        let pdu = serde_json::value::to_raw_value(&json!({
            "type": kind, "sender": "@a:x", "origin_server_ts": 1, "depth": 1, "content": {},
            "prev_events": previous, "auth_events": auth, "signatures": {"x": {"ed25519:1": "s"}},
        }))
        .unwrap();
        let header = PduHeader::of(&pdu).unwrap();
        let line = EventLine {
            room_id: "!r:x".try_into().unwrap(),
            event_id: id.try_into().unwrap(),
            outlier: false,
            rejected: false,
            soft_failed: false,
            redacted_by: None,
            ts: None,
            pdu,
        };
        (line, header)
    }

    fn graph(events: &[(EventLine, PduHeader)]) -> Findings {
        let mut graph = Graph::default();
        for (line, header) in events {
            assert!(graph.pass(line, header));
            assert!(!graph.pass(line, header), "it has passed by");
        }
        let (known, findings) = graph.finish(ruma::server_name!("x"));
        assert!(known.has(&events[0].0.event_id));
        assert!(!known.has(ruma::event_id!("$other")));
        findings
    }

    #[test]
    fn a_whole_timeline_lacks_nothing() {
        let findings = graph(&[
            event("$0", "m.room.create", &[], &[]),
            event("$1", "m", &["$0"], &["$0"]),
            event("$2", "m", &["$1"], &["$0"]),
        ]);
        assert_eq!(
            findings,
            Findings {
                events: 3,
                complete: true,
                signers: [ruma::owned_server_name!("x")].into(),
                ..Findings::default()
            }
        );
    }

    fn join(id: &str, user: &str, previous: &[&str]) -> (EventLine, PduHeader) {
        let (mut line, _) = event(id, "m.room.member", previous, &[]);
        let mut pdu: serde_json::Value = serde_json::from_str(line.pdu.get()).unwrap();
        pdu["sender"] = json!(user);
        pdu["state_key"] = json!(user);
        pdu["content"] = json!({ "membership": "join" });
        line.pdu = serde_json::value::to_raw_value(&pdu).unwrap();
        let header = PduHeader::of(&line.pdu).unwrap();
        (line, header)
    }

    #[test]
    fn the_state_is_told_where_ours_first_join_behind_a_fork() {
        let findings = graph(&[
            event("$0", "m.room.create", &[], &[]),
            join("$1", "@early:x", &["$0"]),
            event("$2", "m", &["$1"], &[]),
            join("$2b", "@straight:x", &["$1", "$2"]),
            event("$3", "m", &["$1"], &[]),
            join("$4", "@far:y", &["$2b", "$3"]),
            join("$5", "@a:x", &["$4"]),
            join("$6", "@early:x", &["$5"]),
            join("$7", "@a:x", &["$6"]),
            join("$8", "@b:x", &["$7"]),
            join("$9", "@c:x", &["$8"]),
            join("$10", "@d:x", &["$9"]),
        ]);
        assert_eq!(findings.gaps, ["$5", "$8", "$9"]);
        // Behind a gap, before which the state is told, there is no fork any more.
        let findings = graph(&[
            event("$0", "m.room.create", &[], &[]),
            event("$1", "m", &["$0"], &[]),
            event("$2", "m", &["$0"], &[]),
            event("$9", "m", &["$8"], &[]),
            join("$10", "@a:x", &["$9"]),
        ]);
        assert_eq!(findings.gaps, ["$9"]);
    }

    #[test]
    fn gaps_and_missing_authorities_are_found_and_what_comes_late_is_no_gap() {
        let findings = graph(&[
            event("$5", "m", &["$4"], &["$0", "$3"]),
            event("$7", "m", &["$6"], &[]),
            event("$6", "m", &["$5", "$2"], &["$3"]),
            event("$3", "m", &["$2"], &[]),
        ]);
        let ids = |list: &[&str]| -> Vec<OwnedEventId> {
            list.iter().map(|id| (*id).try_into().unwrap()).collect()
        };
        assert!(findings.disordered && !findings.complete);
        assert_eq!(findings.gaps, ids(&["$5", "$6", "$3"]));
        assert_eq!(findings.authorities, ids(&["$0"]).into_iter().collect());
    }
}
