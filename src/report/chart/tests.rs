use super::*;
use crate::job::{Event, Phase, Problem};

/// 2026-08-01 14:00 UTC.
const BEGAN: u64 = 1_785_592_800_000;

fn problem(number: u64) -> Event {
    Event::Problem(Problem {
        step: "room".into(),
        subject: format!("!r{number}:ferry.test"),
        reason: "the target refuses it".into(),
    })
}

/// A run whose stages have so many units and take so many milliseconds, and of whose rooms every n-th fails.
fn run(stages: &[(Phase, u64, u64)], every: Option<u64>) -> Course {
    let mut course = Course::new("import", BEGAN);
    let mut now = BEGAN;
    for (phase, total, ms) in stages {
        let (phase, total) = (*phase, *total);
        course.apply(&Event::Phase { phase, total }, now);
        for done in 1..=total {
            let at = now + ms * done / total;
            let fails = phase == Phase::Rooms && every.is_some_and(|every| done % every == 0);
            if fails {
                course.apply(&problem(done), at);
            }
            course.apply(&Event::Done { phase, done }, at);
        }
        now += ms;
    }
    course.end(now);
    course
}

fn seen(course: &Course, name: &str) -> Picture {
    let picture = draw(course).unwrap().unwrap();
    assert!(picture.bytes.starts_with(b"\x89PNG"));
    assert!(picture.bytes.len() < 400_000, "{}", picture.bytes.len());
    if let Ok(dir) = std::env::var("FERRYMAN_LAB_CHARTS") {
        std::fs::write(format!("{dir}/{name}.png"), &picture.bytes).unwrap();
    }
    picture
}

const IMPORT: [(Phase, u64, u64); 10] = [
    (Phase::Accounts, 1_000, 40_000),
    (Phase::Profiles, 1_000, 25_000),
    (Phase::Rooms, 10_000, 30_000_000),
    (Phase::Aliases, 300, 8_000),
    (Phase::Identities, 800, 60_000),
    (Phase::Signatures, 200, 9_000),
    (Phase::KeyBackups, 700, 90_000),
    (Phase::Listings, 12, 300),
    (Phase::UserData, 1_000, 240_000),
    (Phase::Media, 40_000, 5_000_000),
];

#[test]
fn every_length_and_any_number_of_failures_is_drawn() {
    let short = [
        (Phase::Accounts, 3, 300),
        (Phase::Rooms, 5, 600),
        (Phase::Media, 2, 100),
    ];
    for (name, course) in [
        ("one-second", run(&short, None)),
        ("ten-hours", run(&IMPORT, None)),
        ("ten-thousand-failures", run(&IMPORT, Some(1))),
        ("some-failures", run(&IMPORT, Some(2_500))),
        ("one-stage", run(&[(Phase::ExportUsers, 1, 0)], None)),
    ] {
        let picture = seen(&course, name);
        assert_eq!(picture.width, 1_080);
        let rows = u32::try_from(course.legs.len()).unwrap();
        assert_eq!(picture.height, 270 + 152 * rows + 130);
    }
}

#[test]
fn a_run_that_stopped_in_a_pause_is_drawn() {
    let mut course = Course::new("import", BEGAN);
    let phase = Phase::Rooms;
    course.apply(&Event::Phase { phase, total: 100 }, BEGAN);
    for (second, event) in [
        (10, Event::Done { phase, done: 20 }),
        (20, problem(1)),
        (30, Event::Done { phase, done: 40 }),
        (31, Event::Paused(true)),
        (60, Event::Paused(false)),
        (70, Event::Done { phase, done: 55 }),
    ] {
        course.apply(&event, BEGAN + second * 1_000);
    }
    course.end(BEGAN + 80_000);
    seen(&course, "paused");
    insta::assert_snapshot!(words(&course), @"Chart of the import, which took 1 min 20 s: rooms 55 of 100 in 1 min 20 s, 1 failure.");
}

#[test]
fn letters_are_there_without_the_systems_fonts() {
    // A title of another length changes pixels: the letters are drawn.
    let mut course = run(&IMPORT, None);
    let import = draw(&course).unwrap();
    course.job = "verify".into();
    assert_ne!(draw(&course).unwrap(), import);
    assert_eq!(draw(&Course::new("import", 0)).unwrap(), None);
}

#[test]
fn the_same_in_words() {
    insta::assert_snapshot!(words(&run(&IMPORT, Some(2_500))), @"Chart of the import, which took 9 h 51 min: accounts 1,000 in 40 s; names and pictures 1,000 in 25 s; rooms 10,000 in 8 h 20 min, 4 failures; aliases 300 in 8.0 s; encryption identities 800 in 1 min 0 s; verified people 200 in 9.0 s; key backups 700 in 1 min 30 s; room directory 12 in 0.3 s; settings 1,000 in 4 min 0 s; media 40,000 in 1 h 23 min.");
}
