//! The lines as a program reads them.

use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::json;

use super::*;
use crate::job::Problem;

/// A clock that goes on by a millisecond with each look.
#[derive(Debug, Default)]
struct Ticking(AtomicU64);

impl Clock for Ticking {
    fn now_ms(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }
}

fn room(done: u64) -> Event {
    Event::Room(RoomInHand {
        room_id: "!hall:ferry.test".try_into().unwrap(),
        name: "Town hall".into(),
        done,
        total: 9,
    })
}

fn told(events: Vec<Event>) -> String {
    let mut lines = Lines::new(Vec::new(), Arc::new(Ticking::default()));
    lines.begin("import");
    for event in events {
        lines.hear(&event);
    }
    lines.rest();
    let answer = Answer {
        good: false,
        files: vec!["reports/import.md".into()],
        data: Some(json!({"rooms": 1})),
        ..Answer::of("**Carried** one room\n".to_owned())
    };
    assert_eq!(lines.answer(&answer), 8);
    let text = String::from_utf8(lines.out).unwrap();
    let stamped = |line: &str| {
        let mut value: Value = serde_json::from_str(line).unwrap();
        assert!(
            value
                .as_object_mut()
                .unwrap()
                .remove("ts")
                .unwrap()
                .is_u64()
        );
        format!("{value}\n").replace(env!("CARGO_PKG_VERSION"), "VERSION")
    };
    text.lines().map(stamped).collect()
}

/// Each event that a job tells.
fn every_event() -> String {
    let phase = Phase::Rooms;
    let problem = Problem {
        step: "event".into(),
        subject: "$e".into(),
        reason: "refused".into(),
    };
    told(vec![
        Event::Phase { phase, total: 0 },
        Event::Phase { phase, total: 12 },
        Event::Expected(90),
        room(0),
        room(4),
        room(9),
        Event::Events(9),
        Event::Paused(true),
        Event::Paused(true),
        Event::Paused(false),
        Event::Problem(problem),
        Event::RoomLeft("!hall:ferry.test".try_into().unwrap()),
        Event::Done { phase, done: 1 },
        Event::Bytes { done: 5, total: 6 },
    ])
}

#[test]
fn from_the_beginning_to_the_answer() {
    insta::assert_snapshot!(every_event(), @r#"
    {"command":"import","event":"begin","version":"VERSION"}
    {"event":"phase","phase":"rooms","total":0}
    {"done":0,"event":"room","name":"Town hall","room_id":"!hall:ferry.test","total":9}
    {"event":"paused","paused":true}
    {"event":"paused","paused":false}
    {"event":"problem","reason":"refused","reference":"559ed199","step":"event","subject":"$e"}
    {"done":9,"event":"room","name":"Town hall","room_id":"!hall:ferry.test","total":9}
    {"event":"room_left","room_id":"!hall:ferry.test"}
    {"bytes":5,"bytes_total":6,"done":1,"event":"progress","events":9,"events_total":90,"left_seconds":null,"paused":false,"phase":"rooms","problems":1,"started_ts":0,"total":12}
    {"data":{"rooms":1},"event":"answer","exit":8,"files":["reports/import.md"],"good":false,"markdown":"**Carried** one room\n"}
    "#);
}

#[test]
fn a_command_that_counts_nothing_has_two_lines() {
    insta::assert_snapshot!(told(Vec::new()), @r#"
    {"command":"import","event":"begin","version":"VERSION"}
    {"data":{"rooms":1},"event":"answer","exit":8,"files":["reports/import.md"],"good":false,"markdown":"**Carried** one room\n"}
    "#);
}

#[test]
fn the_page_shows_every_event_and_names_every_field() {
    let page = include_str!("../../../docs/unattended.md");
    let shown: Vec<Value> = page
        .lines()
        .filter(|line| line.starts_with("{\"event\":"))
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let mut out = Vec::new();
    let (message, exit) = ("no", 1);
    write(&mut out, Line::Error { message, exit }, 0);
    let told = every_event() + String::from_utf8(out).unwrap().as_str();
    let told: Vec<Value> = told
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let fields = |lines: &[Value]| -> BTreeMap<String, Vec<String>> {
        lines
            .iter()
            .map(|line| {
                let mut fields: Vec<String> = line.as_object().unwrap().keys().cloned().collect();
                fields.retain(|field| field != "ts");
                (line["event"].as_str().unwrap().to_owned(), fields)
            })
            .collect()
    };
    assert!(shown.iter().all(|line| line["ts"].is_u64()));
    assert_eq!(fields(&shown), fields(&told));
}
