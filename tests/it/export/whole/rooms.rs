//! What is told of rooms: their facts, members and aliases, and every event.

use super::*;

/// Rooms, aliases, blocks and memberships are those that Synapse has.
pub(super) async fn rooms(source: &Source, bundle: &Bundle) {
    let filled = &source.filled;
    let listed = source.synapse.rooms(filled.admin()).await.unwrap();
    let listed: BTreeSet<&str> = listed
        .iter()
        .map(|room| room["room_id"].as_str().unwrap())
        .collect();
    let rooms = bundle.rooms().unwrap();
    let found: BTreeSet<&str> = rooms.iter().map(|room| room.room_id.as_str()).collect();
    assert_eq!(found, listed);
    assert_eq!(rooms.len(), filled.counts.rooms);
    for room in filled.rooms.values() {
        assert!(found.contains(room.as_str()), "{room}");
    }
    let directory = &filled.things.directory;
    for room in &rooms {
        let blocked = directory.blocked.contains(room.room_id.as_str());
        assert_eq!(room.blocked, Some(blocked), "{}", room.room_id);
    }
    let aliases: BTreeMap<String, String> = bundle
        .aliases()
        .unwrap()
        .into_iter()
        .map(|(alias, room)| (alias.to_string(), room.to_string()))
        .collect();
    assert_eq!(aliases, directory.aliases);
    let mut memberships: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for room in &rooms {
        let of_room = bundle.memberships(&room.room_id).unwrap();
        let joined = of_room.values().filter(|is| *is == "join").count();
        // Synapse's own count can be behind.
        assert_eq!(room.joined_members, joined as u64, "{}", room.room_id);
        for (user, membership) in of_room {
            let of_user = memberships.entry(user.to_string()).or_default();
            of_user.insert(room.room_id.to_string(), membership);
        }
    }
    for user in filled.things.accounts.keys() {
        let served = path("/_synapse/admin/v1/users", &[user, "memberships"]);
        let served = filled.admin().get(&served).await.unwrap();
        let served = served["memberships"].as_object().unwrap();
        let mut found = memberships.remove(user).unwrap_or_default();
        // Synapse lists neither what somebody has forgotten, nor what waits in a room that it is not in any more.
        let left = ["stood_up", "unanswered"].map(|key| filled.room(key));
        found.retain(|room, membership| {
            let waits = membership == "invite" || membership == "knock";
            served.contains_key(room)
                || !(membership == "leave" || (waits && left.contains(&room.as_str())))
        });
        assert_eq!(json!(found), json!(served), "{user}");
    }
    assert!(memberships.is_empty(), "of strangers: {memberships:?}");
}

/// The timelines are those that Synapse has, and what was said is in them as it was said.
pub(super) async fn events(source: &Source, bundle: &Bundle) {
    let filled = &source.filled;
    let mut lines: BTreeMap<String, EventLine> = BTreeMap::new();
    let mut count = 0;
    for room in bundle.rooms().unwrap() {
        let id = &room.room_id;
        is_complete(bundle, id);
        let served = source
            .synapse
            .timeline(filled.admin(), id.as_str())
            .await
            .unwrap();
        let served: BTreeSet<String> = served
            .iter()
            .map(|event| event["event_id"].as_str().unwrap().to_owned())
            .collect();
        let found: BTreeSet<String> = timeline(bundle, id).into_iter().collect();
        assert_eq!(found, served, "{:?}", room.name);
        assert_eq!(room.event_count, found.len() as u64);
        count += found.len();
        let of_room = bundle.events(id).unwrap().map(Result::unwrap);
        lines.extend(of_room.map(|line| (line.event_id.to_string(), line)));
    }
    assert_eq!(count, filled.counts.events);
    for (name, made) in &filled.things.events {
        let line = &lines[&made.event_id];
        let pdu = value(&line.pdu);
        assert_eq!(line.room_id, *made.room, "{name}");
        assert_eq!(pdu["sender"], made.sender, "{name}");
        assert_eq!(pdu["type"], made.kind, "{name}");
        assert_eq!(
            pdu.get("state_key").and_then(Value::as_str),
            made.state_key.as_deref(),
            "{name}"
        );
        let redacted_by = line.redacted_by.as_ref().map(ToString::to_string);
        assert_eq!(redacted_by, made.redacted_by, "{name}");
        assert_eq!(
            pdu["content"] == made.content,
            redacted_by.is_none(),
            "{name}: {pdu}"
        );
    }
    for purged in &filled.things.purged {
        assert!(!lines.contains_key(purged), "{purged} was purged");
    }
    assert_eq!(filled.things.purged.len(), 10);
    for line in lines.values() {
        let pdu = value(&line.pdu);
        let sender = filled.things.accounts.get(pdu["sender"].as_str().unwrap());
        if sender.is_some_and(|account| account.erased) && pdu.get("state_key").is_none() {
            assert_eq!(pdu["content"], json!({}), "said by one who is erased");
        }
    }
}

pub(in crate::export) fn timeline(bundle: &Bundle, room: &RoomId) -> Vec<String> {
    let events = bundle.events(room).unwrap().map(Result::unwrap);
    let events = events.filter(|line| !line.outlier);
    events.map(|line| line.event_id.to_string()).collect()
}

/// Synapse answers nothing to its state any more.
pub(super) fn left_room(filled: &Filled, bundle: &Bundle) {
    let room: OwnedRoomId = filled.room("deserted").try_into().unwrap();
    let state = bundle.room_state(&room).unwrap();
    assert!(state.iter().any(|event| event.get().contains("Deserted")));
    let memberships = bundle.memberships(&room).unwrap();
    for name in ["dave", "heidi"] {
        let user: OwnedUserId = filled.user(name).user_id().try_into().unwrap();
        assert_eq!(memberships[&user], "leave");
    }
}

/// Every gap has a state, whose events are all in the bundle.
pub(super) fn gaps(filled: &Filled, bundle: &Bundle) {
    let room: OwnedRoomId = filled.room("purged").try_into().unwrap();
    let snapshots: Vec<_> = bundle
        .state_snapshots()
        .unwrap()
        .map(Result::unwrap)
        .filter(|snapshot| snapshot.room_id == room)
        .collect();
    assert_eq!(snapshots.len(), 1);
    let events: BTreeMap<String, bool> = bundle
        .events(&room)
        .unwrap()
        .map(Result::unwrap)
        .map(|line| (line.event_id.to_string(), line.outlier))
        .collect();
    for id in &snapshots[0].state_before {
        assert!(events.contains_key(id.as_str()), "{id}");
    }
    assert!(snapshots[0].state_before.len() > 5);
    assert!(
        !events[snapshots[0].event_id.as_str()],
        "it is of the timeline"
    );
}

/// The state, and all auth events of all events, are there.
pub(in crate::export) fn is_complete(bundle: &Bundle, room: &RoomId) {
    let lines: Vec<_> = bundle.events(room).unwrap().map(Result::unwrap).collect();
    let ids: BTreeSet<String> = lines.iter().map(|line| line.event_id.to_string()).collect();
    for line in &lines {
        let header = ferryman::model::pdu::PduHeader::of(&line.pdu).unwrap();
        for event in &header.auth_events {
            assert!(
                ids.contains(event.id().as_str()),
                "{} in {room}",
                event.id()
            );
        }
    }
    for event in bundle.room_state(room).unwrap() {
        let id = value(&event)["event_id"].as_str().unwrap().to_owned();
        assert!(ids.contains(&id), "{id} in {room}");
    }
}
