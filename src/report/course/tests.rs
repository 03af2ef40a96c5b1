use super::*;
use crate::job::Problem;

fn phase(phase: Phase, total: u64) -> Event {
    Event::Phase { phase, total }
}

fn done(phase: Phase, done: u64) -> Event {
    Event::Done { phase, done }
}

#[test]
fn stages_follow_each_other() {
    let mut course = Course::new("import", 1_000);
    assert!(course.apply(&phase(Phase::Accounts, 2), 1_000).is_none());
    for count in 1..=2 {
        course.apply(&done(Phase::Accounts, count), 1_000 + count * 500);
    }
    let ended = course.apply(&phase(Phase::Rooms, 10), 2_500).unwrap();
    assert_eq!(
        (ended.phase, ended.elapsed_ms(9_999)),
        (Phase::Accounts, 1_500)
    );
    // The total became known: no new stage.
    assert!(course.apply(&phase(Phase::Rooms, 12), 2_600).is_none());
    course.apply(&done(Phase::Rooms, 4), 3_000);
    course.apply(&Event::Events(100), 3_000);
    course.apply(&Event::Events(160), 3_500);
    let problem = Problem {
        step: "room".into(),
        subject: "!a:x".into(),
        reason: "no".into(),
    };
    course.apply(&Event::Problem(problem), 4_000);
    course.apply(&Event::Paused(true), 5_000);
    course.apply(&Event::Paused(true), 5_500);
    course.apply(&Event::Paused(false), 8_000);
    course.apply(&done(Phase::Rooms, 12), 9_000);
    let last = course.end(10_000).unwrap();
    assert_eq!(
        (last.phase, last.done, last.total, last.failed),
        (Phase::Rooms, 12, 12, 1)
    );
    let worked = Worked {
        units: 8,
        events: 60,
        bytes: 0,
        ms: 4_500,
    };
    assert_eq!(last.worked(), worked);
    assert_eq!((course.elapsed_ms(), course.failed), (9_000, 1));
    assert_eq!(course.pauses, [(5_000, 8_000)]);
}

#[test]
fn what_was_only_passed_by_is_no_work() {
    let mut course = Course::new("import", 0);
    course.apply(&phase(Phase::Accounts, 1_000), 0);
    course.apply(&Event::Carried(0), 0);
    for count in 1..=1_000 {
        if count > 990 {
            course.apply(&Event::Carried(count - 990), count);
        }
        course.apply(&done(Phase::Accounts, count), count);
    }
    course.apply(&phase(Phase::Profiles, 5), 1_000);
    course.apply(&Event::Carried(0), 1_000);
    course.apply(&done(Phase::Profiles, 5), 2_000);
    course.end(2_000);
    let units: Vec<_> = course.legs.iter().map(|leg| leg.worked().units).collect();
    assert_eq!(units, [10, 0]);
    assert_eq!(course.legs[0].done, 1_000);
}

#[test]
fn a_hundred_thousand_problems_take_no_memory() {
    let mut course = Course::new("import", 0);
    course.apply(&phase(Phase::Rooms, 100_000), 0);
    for number in 0..100_000_u64 {
        let problem = Problem {
            step: "room".into(),
            subject: format!("!r{number}:x"),
            reason: "no".into(),
        };
        course.apply(&Event::Problem(problem), number * 7);
        course.apply(&Event::Paused(number % 2 == 0), number * 7);
    }
    assert_eq!((course.failed, course.legs[0].failed), (100_000, 100_000));
    assert!(course.legs[0].points().len() <= 240);
    assert!(course.pauses.len() <= PAUSES);
}
