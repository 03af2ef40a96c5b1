//! Everything is counted, and nothing grows with the server.

use serde_json::json;

use super::*;

fn room(number: u64, more: &serde_json::Value) -> Room {
    let mut fields = json!({
        "room_id": format!("!r{number:05}:ferry.test"), "version": "10", "history_complete": true,
    });
    for (name, value) in more.as_object().unwrap() {
        fields[name] = value.clone();
    }
    serde_json::from_value(fields).unwrap()
}

#[test]
fn accounts_and_rooms_by_what_they_are() {
    let mut figures = Figures::default();
    for fields in [
        json!({"user_id": "@a:ferry.test", "is_admin": true}),
        json!({"user_id": "@b:ferry.test", "deactivated": true}),
        json!({"user_id": "@c:ferry.test", "is_guest": true, "locked": true, "suspended": true}),
        json!({"user_id": "@d:ferry.test", "appservice_id": "irc"}),
    ] {
        figures.user(&serde_json::from_value(fields).unwrap());
    }
    figures.room(&room(1, &json!({"room_type": "m.space", "public": true})));
    figures.room(&room(
        2,
        &json!({"encryption": "m.megolm.v1.aes-sha2", "event_count": 7, "history_complete": false}),
    ));
    figures.room(&room(
        3,
        &json!({"version": null, "tombstone": "!x:ferry.test"}),
    ));
    figures.count("devices", 3);
    figures.count("devices", 2);
    assert_eq!(
        figures.users,
        Users {
            all: 4,
            deactivated: 1,
            admins: 1,
            guests: 1,
            bridged: 1,
            blocked: 1,
        }
    );
    let rooms = &figures.rooms;
    assert_eq!(
        (rooms.all, rooms.spaces, rooms.encrypted, rooms.public),
        (3, 1, 1, 1)
    );
    assert_eq!((rooms.replaced, rooms.incomplete, rooms.events), (1, 1, 7));
    assert_eq!(
        rooms.by_version.each,
        BTreeMap::from([("10".into(), 2), (String::new(), 1)])
    );
    assert_eq!(figures.others["devices"], 5);
}

#[test]
fn each_size_has_one_class() {
    let mut figures = Figures::default();
    for members in [0, 1, 2, 3, 10, 11, 100, 101, 1_000, 1_001, u64::MAX] {
        figures.room(&room(1, &json!({ "joined_members": members })));
    }
    assert_eq!(figures.rooms.by_members, [1, 1, 1, 2, 2, 2, 2]);
    for length in [0, 9_999, 10_000, 999_999, 1_000_000, 100_000_000, u64::MAX] {
        figures.media("image/png", length);
    }
    assert_eq!(figures.media.by_size, [2, 1, 1, 1, 0, 2]);
    assert_eq!(figures.media.bytes, u64::MAX);
}

#[test]
fn a_mime_type_has_one_class() {
    for (media_type, class) in [
        ("image/png", MediaClass::Image),
        ("VIDEO/mp4", MediaClass::Video),
        (" audio/ogg; codecs=opus", MediaClass::Audio),
        ("application/pdf", MediaClass::Document),
        ("text/plain", MediaClass::Document),
        ("application/octet-stream", MediaClass::Opaque),
        ("", MediaClass::Opaque),
        ("<script>", MediaClass::Other),
        ("imagine/png", MediaClass::Other),
    ] {
        assert_eq!(MediaClass::of(media_type), class, "{media_type}");
    }
}

#[test]
fn events_are_put_into_months_of_utc() {
    let mut figures = Figures::default();
    for ms in [
        0,
        1_388_534_399_999, // the last millisecond of 2013
        1_388_534_400_000, // the first of 2014
        1_785_592_800_000, // 2026-08-01 14:00
        1_785_592_800_001,
        4_102_444_800_000, // the first of 2100
        u64::MAX,
    ] {
        figures.event_ts(ms);
    }
    let months: Vec<_> = figures
        .months
        .each()
        .map(|(month, events)| (month.to_string(), events))
        .collect();
    assert_eq!(months, [("2014-01".into(), 1), ("2026-08".into(), 2)]);
    assert_eq!(figures.months.undated, 4);
}

#[test]
fn only_the_largest_rooms_are_kept_the_largest_first() {
    let mut figures = Figures::default();
    for number in 0..1_000 {
        // In no order: 617 has no divisor in common with 1,000.
        let events = number * 617 % 1_000;
        figures.room(&room(number, &json!({ "event_count": events })));
    }
    let events: Vec<u64> = figures.rooms.largest.iter().map(|it| it.events).collect();
    assert_eq!(events, (980..1_000).rev().collect::<Vec<_>>());
    let mut two = Figures::default();
    two.room(&room(
        1,
        &json!({"name": " ", "canonical_alias": "#a:ferry.test"}),
    ));
    two.room(&room(2, &json!({ "joined_members": 2 })));
    let names: Vec<_> = two
        .rooms
        .largest
        .iter()
        .map(|it| it.name.as_deref())
        .collect();
    assert_eq!(names, [None, Some("#a:ferry.test")]);
}

#[test]
fn other_peoples_texts_do_not_fill_the_memory() {
    let mut figures = Figures::default();
    for number in 0..1_000 {
        figures.problem(&Problem {
            step: format!("step {number}"),
            subject: "é".repeat(10_000),
            reason: "short".into(),
        });
        figures.room(&room(number, &json!({"version": format!("v{number}")})));
    }
    assert_eq!(figures.problems.all, 1_000);
    assert_eq!(figures.problems.first.len(), PROBLEMS_KEPT);
    assert_eq!(figures.problems.first[0].subject.chars().count(), 501);
    for tally in [&figures.problems.by_step, &figures.rooms.by_version] {
        assert_eq!((tally.each.len(), tally.rest), (64, 936));
    }
}

#[test]
fn figures_come_back_from_json() {
    let mut figures = Figures::default();
    figures.event_ts(1_785_592_800_000);
    figures.media("image/png", 5);
    figures.count("receipts", 1);
    figures.room(&room(1, &json!({})));
    let text = serde_json::to_string(&figures).unwrap();
    assert_eq!(serde_json::from_str::<Figures>(&text).unwrap(), figures);
}
