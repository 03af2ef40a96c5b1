//! What a followed sync reads of a database, event by event, against a bundle of the same.

use std::collections::BTreeMap;

use ferryman::{
    bundle::Bundle,
    source::database::{
        DatabaseReader,
        news::{Followed, Kind},
    },
};

use ruma::OwnedEventId;

use super::source::Source;

pub(super) async fn are_the_bundles_events(source: &Source, bundle: &Bundle) {
    let mut config = source.installation.config.synapse.clone();
    config.homeserver_yaml = Some(source.synapse.config_path());
    let mut reader = DatabaseReader::new(&config, source.synapse.server_name().clone()).unwrap();
    let mut followed = Followed::default();
    let (mut events, mut odd) = (BTreeMap::new(), Vec::new());
    loop {
        let fresh = reader.news(&mut followed).await.unwrap();
        if fresh.is_empty() {
            break;
        }
        for event in fresh {
            match event.kind {
                Kind::Live(event) => {
                    let (line, _) = *event;
                    let id = line.event_id.clone();
                    assert!(events.insert(id, line).is_none(), "it came twice");
                }
                Kind::Hidden => {}
                Kind::Odd(reason) => odd.push(reason),
            }
        }
    }
    let mut missing = Vec::new();
    let mut different = Vec::new();
    for room in bundle.rooms().unwrap() {
        for line in bundle.events(&room.room_id).unwrap() {
            let line = line.unwrap();
            match events.remove(&line.event_id) {
                None if line.is_in_timeline() => missing.push(line.event_id),
                Some(there) if there.pdu.get() != line.pdu.get() && line.redacted_by.is_none() => {
                    different.push(line.event_id);
                }
                _ => {}
            }
        }
    }
    assert_eq!(different, Vec::<OwnedEventId>::new());
    assert_eq!(
        events.keys().collect::<Vec<_>>(),
        Vec::<&OwnedEventId>::new()
    );
    // Events that other servers would not believe, and those of erased users, are left to whole syncs.
    assert_eq!(missing.len(), odd.len(), "{missing:?} {odd:?}");
    let (erased, unproved): (Vec<_>, Vec<_>) = odd
        .iter()
        .partition(|reason| *reason == "who sent it was erased");
    assert!(!erased.is_empty() && !unproved.is_empty(), "{odd:?}");
    let is_unproved = |reason: &&String| reason.contains("content hash");
    assert!(unproved.iter().all(is_unproved), "{odd:?}");
}
