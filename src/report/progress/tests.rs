//! What people read while a job runs.

use super::*;

fn phase(progress: &mut Progress, phase: Phase, total: u64, now_ms: u64) {
    progress.apply(Event::Phase { phase, total }, now_ms);
}

fn done(progress: &mut Progress, phase: Phase, done: u64, now_ms: u64) {
    progress.apply(Event::Done { phase, done }, now_ms);
}

fn problem(progress: &mut Progress, now_ms: u64) {
    let problem = Problem {
        step: "event".into(),
        subject: "$e".into(),
        reason: "refused".into(),
    };
    progress.apply(Event::Problem(problem), now_ms);
}

#[test]
fn from_the_start_to_a_problem() {
    let mut progress = Progress::new("import", 0);
    insta::assert_snapshot!(progress.markdown(500), @r"
    **import**: starting
    running for 0.5 s
    ");
    assert_eq!(progress.part(), None);
    phase(&mut progress, Phase::Rooms, 40, 1_000);
    progress.apply(Event::Events(200), 1_000);
    for second in 1..=9 {
        done(&mut progress, Phase::Rooms, second, 1_000 + second * 1_000);
        progress.apply(Event::Events(200 + second * 100), 1_000 + second * 1_000);
    }
    problem(&mut progress, 10_000);
    insta::assert_snapshot!(progress.markdown(10_000), @r"
    **import**: rooms, 9 of 40 (22 %)
    `████░░░░░░░░░░░░░░░░`
    running for 10 s, 1,100 events (100 per second), about 30 s left in this step

    1 failure so far; the last: event: `$e`: refused
    ");
    insta::assert_snapshot!(progress.line(10_000), @"import: rooms, 9 of 40 (22 %), 1,100 events (100 per second), about 30 s left, 1 failure");
    assert_eq!(progress.part(), Some((9, 40)));
}

#[test]
fn events_tell_better_than_rooms_until_when() {
    let mut progress = Progress::new("import", 0);
    phase(&mut progress, Phase::Rooms, 40, 0);
    progress.apply(Event::Expected(48_000), 0);
    progress.apply(Event::Events(0), 0);
    for second in 1..=20 {
        progress.apply(Event::Events(second * 120), second * 1_000);
    }
    insta::assert_snapshot!(progress.markdown(20_000), @r"
    **import**: rooms, 0 of 40
    `█░░░░░░░░░░░░░░░░░░░`
    running for 20 s, 2,400 of 48,000 events (5 %, 120 per second), about 6 min left in this step
    ");
    insta::assert_snapshot!(progress.line(20_000), @"import: rooms, 0 of 40, 2,400 of 48,000 events (5 %, 120 per second), about 6 min left");
    assert_eq!(progress.part(), Some((2_400, 48_000)));
    // All are sent, and the last rooms are being compared.
    progress.apply(Event::Events(48_000), 21_000);
    for room in 1..=30 {
        done(&mut progress, Phase::Rooms, room, 21_000 + room * 1_000);
    }
    insta::assert_snapshot!(progress.line(51_000), @"import: rooms, 30 of 40, 48,000 of 48,000 events (100 %), 46 per minute, about 15 s left");
}

#[test]
fn rooms_in_hand_have_their_own_rates() {
    let mut progress = Progress::new("import", 0);
    phase(&mut progress, Phase::Rooms, 40, 0);
    let mut room = |name: &str, done, now_ms| {
        let room = crate::job::RoomInHand {
            room_id: format!("!{name}:x").try_into().unwrap(),
            name: name.into(),
            done,
            total: 5_000,
        };
        progress.apply(Event::Room(room), now_ms);
    };
    for second in 0..=10 {
        room("Town *hall*", 200 + second * 50, second * 1_000);
        room("Attic", second, second * 1_000);
    }
    room("Cellar", 5_000, 9_000);
    room("Gone", 1, 9_000);
    progress.apply(Event::RoomLeft("!Gone:x".try_into().unwrap()), 10_000);
    insta::assert_snapshot!(progress.markdown(10_000), @r"
    **import**: rooms, 0 of 40 (0 %)
    `░░░░░░░░░░░░░░░░░░░░`
    running for 10 s

    - Town \*hall\*: 700 of 5,000 events, 50 per second
    - Attic: 10 of 5,000 events, 1.0 per second
    - Cellar: all 5,000 events are sent, now it is read back
    ");
    for number in 1..=5 {
        let room = crate::job::RoomInHand {
            room_id: format!("!{number}:x").try_into().unwrap(),
            name: "Next".into(),
            done: 0,
            total: 9,
        };
        progress.apply(Event::Room(room), 11_000);
    }
    assert!(progress.markdown(11_000).ends_with("- and 2 more\n"));
    phase(&mut progress, Phase::Aliases, 4, 12_000);
    insta::assert_snapshot!(progress.markdown(12_000), @r"
    **import**: aliases, 0 of 4 (0 %)
    `░░░░░░░░░░░░░░░░░░░░`
    running for 12 s
    ");
}

#[test]
fn what_is_slow_and_what_stands_still() {
    let mut progress = Progress::new("export", 0);
    phase(&mut progress, Phase::ExportUsers, 100, 0);
    for user in 1..=10 {
        done(&mut progress, Phase::ExportUsers, user, user * 4_000);
    }
    insta::assert_snapshot!(progress.line(40_000), @"export: reading accounts, 10 of 100 (10 %), 15 per minute, about 6 min left");
    insta::assert_snapshot!(progress.line(60_000), @"export: reading accounts, 10 of 100 (10 %), 8 per minute, about 12 min left");
    insta::assert_snapshot!(progress.markdown(190_000), @r"
    **export**: reading accounts, 10 of 100 (10 %)
    `██░░░░░░░░░░░░░░░░░░`
    running for 3 min 10 s, nothing has moved for 2 min 30 s
    ");
    insta::assert_snapshot!(progress.line(190_000), @"export: reading accounts, 10 of 100 (10 %), nothing has moved for 2 min 30 s");
}

#[test]
fn without_a_total_there_is_a_rate_and_no_end() {
    let mut progress = Progress::new("export", 0);
    phase(&mut progress, Phase::ExportRooms, 0, 0);
    for room in 1..=30 {
        done(&mut progress, Phase::ExportRooms, room, room * 500);
    }
    insta::assert_snapshot!(progress.line(15_000), @"export: reading rooms, 30 so far, 2.0 per second");
    insta::assert_snapshot!(progress.markdown(15_000), @r"
    **export**: reading rooms, 30 so far
    running for 15 s, 2.0 per second
    ");
    assert_eq!(progress.part(), None);
    // The total becomes known, and grows.
    phase(&mut progress, Phase::ExportRooms, 60, 15_000);
    insta::assert_snapshot!(progress.line(15_000), @"export: reading rooms, 30 of 60 (50 %), 2.0 per second, about 15 s left");
    phase(&mut progress, Phase::ExportRooms, 6_000, 15_000);
    insta::assert_snapshot!(progress.line(15_000), @"export: reading rooms, 30 of 6,000 (0 %), 2.0 per second, about 50 min left");
}

#[test]
fn a_resumed_job_is_not_faster_than_it_is() {
    let mut progress = Progress::new("import", 0);
    phase(&mut progress, Phase::Rooms, 100, 0);
    for room in 50..=60 {
        done(&mut progress, Phase::Rooms, room, (room - 49) * 1_000);
    }
    insta::assert_snapshot!(progress.line(11_000), @"import: rooms, 60 of 100 (60 %), 1.0 per second, about 40 s left");
}

#[test]
fn nothing_to_do_divides_by_nothing() {
    let mut progress = Progress::new("verify", 0);
    phase(&mut progress, Phase::VerifyUsers, 0, 0);
    done(&mut progress, Phase::VerifyUsers, 0, 0);
    insta::assert_snapshot!(progress.line(0), @"verify: comparing accounts");
    // The end of a phase is no standstill, however long the next one takes to begin.
    phase(&mut progress, Phase::VerifyRooms, 2, 0);
    done(&mut progress, Phase::VerifyRooms, 1, 1_000);
    done(&mut progress, Phase::VerifyRooms, 2, 2_000);
    insta::assert_snapshot!(progress.line(400_000), @"verify: comparing rooms, 2 of 2 (100 %)");
}

#[test]
fn media_are_told_in_files_and_bytes() {
    let mut progress = Progress::new("import", 0);
    phase(&mut progress, Phase::Media, 2_000, 0);
    for second in 1..=10 {
        done(&mut progress, Phase::Media, second * 20, second * 1_000);
        let bytes = Event::Bytes {
            done: second * 8_000_000,
            total: 2_000_000_000,
        };
        progress.apply(bytes, second * 1_000);
    }
    insta::assert_snapshot!(progress.markdown(10_000), @r"
    **import**: media, 200 of 2,000 (10 %)
    `██░░░░░░░░░░░░░░░░░░`
    running for 10 s, 80.0 MB of 2.0 GB (8.0 MB per second), 20 per second, about 4 min left in this step
    ");
}

#[test]
fn following_tells_how_far_behind_it_is() {
    let mut progress = Progress::new("sync", 0);
    phase(&mut progress, Phase::ExportRooms, 10, 0);
    progress.apply(Event::Events(5_000), 0);
    phase(&mut progress, Phase::Follow, 0, 10_000);
    let mut lag = Lag {
        median_ms: None,
        rooms_waiting: 0,
        next_sync_ms: 600_000,
    };
    progress.apply(Event::Lag(lag), 10_000);
    insta::assert_snapshot!(progress.line(10_000), @"sync: following Synapse, the next whole sync in about 10 min");
    done(&mut progress, Phase::Follow, 1_234, 70_000);
    lag.median_ms = Some(840);
    lag.next_sync_ms = 540_000;
    progress.apply(Event::Lag(lag), 70_000);
    insta::assert_snapshot!(progress.markdown(70_000), @r"
    **sync**: following Synapse, 1,234 events so far
    running for 1 min 10 s, each comes over in 0.8 s, the next whole sync in about 9 min
    ");
    lag.rooms_waiting = 2;
    progress.apply(Event::Lag(lag), 70_000);
    insta::assert_snapshot!(progress.line(4_000_000), @"sync: following Synapse, 1,234 events so far, each comes over in 0.8 s, 2 rooms wait for the next whole sync, which comes soon");
    assert_eq!(progress.counts(70_000).lag, Some(lag));
    // Then all is read again.
    phase(&mut progress, Phase::ExportUsers, 10, 80_000);
    assert_eq!(progress.counts(80_000).lag, None);
}
