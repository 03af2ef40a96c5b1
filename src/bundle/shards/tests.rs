//! Shards that are written, read back, and gone on with.

use serde_json::value::RawValue;

use super::*;
use crate::bundle::Events;

fn events(room: &str, count: usize) -> Vec<EventLine> {
    (0..count)
        .map(|number| EventLine {
            room_id: room.try_into().unwrap(),
            event_id: format!("${number}").try_into().unwrap(),
            outlier: false,
            rejected: false,
            soft_failed: false,
            redacted_by: None,
            ts: None,
            // White space between values may hold line breaks.
            pdu: RawValue::from_string("{\n\"a\":\"\\n\"}".into()).unwrap(),
        })
        .collect()
}

fn written(limit: u64, rooms: &[(&str, Vec<EventLine>)]) -> (tempfile::TempDir, EventIndex) {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = ShardWriter::new(dir.path(), ShardMark::default()).unwrap();
    writer.limit = limit;
    for (room, events) in rooms {
        let room = OwnedRoomId::try_from(*room).unwrap();
        writer.events(events).unwrap();
        writer
            .close(&room, Some(&RoomVersionId::V11), false)
            .unwrap();
    }
    writer.finish().unwrap();
    let index = std::fs::read(dir.path().join(EVENT_INDEX)).unwrap();
    (dir, serde_json::from_slice(&index).unwrap())
}

fn read(dir: &Path, room: &str, frames: &Frames) -> Vec<Result<EventLine>> {
    let room = OwnedRoomId::try_from(room).unwrap();
    Events::of(dir, Path::new("b"), &room, frames)
        .unwrap()
        .collect()
}

#[test]
fn a_full_shard_is_followed_by_another() {
    let rooms = ["!a:x", "!b:x", "!c:x", "!d:x"].map(|room| (room, events(room, 3)));
    let (dir, index) = written(100, &rooms);
    let shards: Vec<_> = index
        .rooms
        .values()
        .map(|frame| frame.shard.as_str())
        .collect();
    assert_eq!(
        shards,
        [
            "events/00000.ndjson.zst",
            "events/00000.ndjson.zst",
            "events/00001.ndjson.zst",
            "events/00001.ndjson.zst"
        ]
    );
    for (room, events) in &rooms {
        let frame = &index.rooms[&OwnedRoomId::try_from(*room).unwrap()];
        let read: Vec<_> = read(dir.path(), room, frame)
            .into_iter()
            .map(Result::unwrap)
            .collect();
        assert_eq!(read.len(), events.len());
        assert_eq!(read[0].pdu.get(), "{ \"a\":\"\\n\"}");
    }
}

#[test]
fn rooms_go_on_in_the_shard_that_was_left_open() {
    let rooms = ["!a:x", "!b:x", "!c:x", "!d:x"].map(|room| (room, events(room, 3)));
    let (whole, index) = written(100, &rooms);
    for stop in 0..=rooms.len() {
        let dir = tempfile::tempdir().unwrap();
        let begin = |mark| {
            let mut writer = ShardWriter::new(dir.path(), mark).unwrap();
            writer.limit = 100;
            writer
        };
        let add = |writer: &mut ShardWriter, rooms: &[(&str, Vec<EventLine>)]| {
            for (room, events) in rooms {
                let room = OwnedRoomId::try_from(*room).unwrap();
                writer.events(events).unwrap();
                let version = Some(&RoomVersionId::V11);
                writer.close(&room, version, false).unwrap();
            }
        };
        let mut writer = begin(ShardMark::default());
        add(&mut writer, &rooms[..stop]);
        let mark = writer.mark().unwrap();
        // Whatever comes after the mark does not count.
        add(
            &mut writer,
            &[
                ("!later:x", events("!later:x", 9)),
                ("!last:x", events("!last:x", 9)),
            ],
        );
        drop(writer);
        let mut writer = begin(mark);
        add(&mut writer, &rooms[stop..]);
        writer.finish().unwrap();
        let names = index.rooms.values().map(|frames| frames.shard.as_str());
        for name in names.chain([EVENT_INDEX]) {
            let read = |dir: &Path| std::fs::read(dir.join(name)).unwrap();
            assert_eq!(read(dir.path()), read(whole.path()), "{name} after {stop}");
        }
    }
}

#[test]
fn an_index_that_lies_ends_the_room_with_one_error() {
    let (dir, index) = written(
        SHARD_BYTES,
        &[("!a:x", events("!a:x", 3)), ("!b:x", events("!b:x", 1))],
    );
    let good = &index.rooms[&OwnedRoomId::try_from("!a:x").unwrap()];
    let said = |room: &str, change: &dyn Fn(&mut Frame)| {
        let mut frame = good.clone();
        change(frame.timeline.as_mut().unwrap());
        let read = read(dir.path(), room, &frame);
        let errors: Vec<_> = read
            .iter()
            .filter_map(|event| event.as_ref().err())
            .collect();
        assert_eq!(errors.len(), 1);
        assert!(read.last().unwrap().is_err());
        errors[0].to_string()
    };
    assert_eq!(
        said("!a:x", &|frame| frame.lines = 5),
        "bundle b: the events of !a:x can't be read (2 events are missing at the end): copy the bundle again, or export again"
    );
    assert_eq!(
        said("!a:x", &|frame| frame.lines = 2),
        "bundle b: the events of !a:x can't be read (there are more events than events/index.json says): copy the bundle again, or export again"
    );
    assert_eq!(
        said("!b:x", &|_| ()),
        "bundle b: the events of !b:x can't be read (an event of !a:x stands among them): copy the bundle again, or export again"
    );
    assert!(said("!a:x", &|frame| frame.length -= 1).contains("incomplete frame"));
    assert!(said("!a:x", &|frame| frame.offset = 7).contains("can't be read"));
}

/// An event that follows others, with a real event's fields.
fn linked(number: usize, previous: &[&str], outlier: bool) -> EventLine {
    let pdu = serde_json::json!({
        "type": "m", "sender": "@a:x", "origin_server_ts": 1, "depth": 1, "content": {}, "auth_events": [],
        "prev_events": previous,
    });
    EventLine {
        outlier,
        pdu: serde_json::value::to_raw_value(&pdu).unwrap(),
        event_id: format!("${number}").try_into().unwrap(),
        ..events("!a:x", 1).remove(0)
    }
}

#[test]
fn outliers_come_first_and_a_wrong_order_is_put_right() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = ShardWriter::new(dir.path(), ShardMark::default()).unwrap();
    let (a, b) = (["!a:x", "!b:x"].map(|room| OwnedRoomId::try_from(room).unwrap())).into();
    for (room, disordered) in [(&a, false), (&b, true)] {
        let mut events = vec![
            linked(0, &[], false),
            linked(2, &["$1"], false),
            linked(1, &["$0"], false),
            linked(8, &[], true),
        ];
        for event in &mut events {
            event.room_id.clone_from(room);
        }
        writer.events(&events[..1]).unwrap();
        writer.events(&events[1..]).unwrap();
        writer.close(room, None, disordered).unwrap();
    }
    writer.finish().unwrap();
    let index = std::fs::read(dir.path().join(EVENT_INDEX)).unwrap();
    let index: EventIndex = serde_json::from_slice(&index).unwrap();
    let ids = |room: &OwnedRoomId| -> Vec<String> {
        read(dir.path(), room.as_str(), &index.rooms[room])
            .into_iter()
            .map(|event| event.unwrap().event_id.to_string())
            .collect()
    };
    assert_eq!(ids(&a), ["$8", "$0", "$2", "$1"]);
    assert_eq!(ids(&b), ["$8", "$0", "$1", "$2"]);
}

#[test]
fn an_over_long_line_is_not_read_into_memory() {
    let mut long = events("!a:x", 1);
    let text = format!("\"{}\"", "x".repeat(2 << 20));
    long[0].pdu = RawValue::from_string(text).unwrap();
    let (dir, index) = written(SHARD_BYTES, &[("!a:x", long)]);
    let frame = index.rooms.values().next().unwrap();
    let read = read(dir.path(), "!a:x", frame);
    assert_eq!(
        read[0].as_ref().unwrap_err().to_string(),
        "bundle b: the events of !a:x can't be read (a line is cut off or longer than 1048576 bytes): copy the bundle again, or export again"
    );
}
