use super::*;
use crate::migration::plan::UserPlan;

fn room(number: u64, members: u64, events: u64, older: Option<u64>) -> RoomPlan {
    let event_id = || "$e".try_into().unwrap();
    RoomPlan {
        room_id: format!("!r{number}:ferry.test").try_into().unwrap(),
        name: "R".into(),
        version: None,
        events,
        members,
        action: RoomAction::Carry {
            joiner: "@anna:ferry.test".try_into().unwrap(),
            join: match older {
                None => JoinPoint::Create {
                    event_id: event_id(),
                },
                Some(older) => JoinPoint::Recent {
                    event_id: event_id(),
                    older,
                },
            },
        },
    }
}

fn plan(rooms: Vec<RoomPlan>) -> Plan {
    let user = |number: u64| UserPlan {
        user_id: format!("@u{number}:ferry.test").try_into().unwrap(),
        action: UserAction::Carry,
    };
    Plan {
        users: (0..1_000).map(user).collect(),
        rooms,
        ..Plan::sample()
    }
}

fn of(forecast: &Forecast, phase: Phase) -> &Stage {
    let stage = forecast.stages.iter().find(|stage| stage.phase == phase);
    stage.unwrap()
}

/// The server of docs/speed.md: 804 s with all its history, 329 s with most of it as backfill.
#[test]
fn the_run_it_was_measured_by_comes_out() {
    let large = |older: Option<u64>| {
        let crowded = (0..12).map(|number| room(number, 530, 1_717, older.map(|_| 1_600)));
        let others = (12..999).map(|number| room(number, 18, 55, older));
        plan(crowded.chain(others).collect())
    };
    let all = forecast(&large(None), Counted::default(), &Paces::default());
    let seconds = all.ms() / 1_000;
    assert!((650..950).contains(&seconds), "{seconds} s");
    let backfilled = forecast(&large(Some(0)), Counted::default(), &Paces::default());
    assert!(backfilled.ms() < all.ms() / 2, "{} ms", backfilled.ms());
}

#[test]
fn what_it_took_here_counts_once_it_is_known() {
    let plan = plan((0..10).map(|number| room(number, 3, 100, None)).collect());
    let counted = Counted {
        aliases: 4,
        listed: 0,
        own: true,
    };
    let before = forecast(&plan, counted, &Paces::default());
    let phases: Vec<_> = before.stages.iter().map(|stage| stage.phase).collect();
    assert_eq!(
        phases,
        [
            Phase::Accounts,
            Phase::Profiles,
            Phase::Rooms,
            Phase::Aliases,
            Phase::Identities,
            Phase::KeyBackups,
            Phase::UserData
        ]
    );
    let all_elsewhere = |it: &Stage| it.measured == Measured::Elsewhere;
    assert!(before.stages.iter().all(all_elsewhere));

    let mut paces = Paces::default();
    let worked = |units, events, ms| Worked {
        units,
        events,
        bytes: 0,
        ms,
    };
    paces.learn(Phase::Accounts, worked(500, 0, 50_000));
    paces.learn(Phase::Rooms, worked(20, 2_000, 60_000));
    paces.learn(Phase::Profiles, worked(1, 0, 3));
    let after = forecast(&plan, counted, &paces);
    assert_eq!(of(&after, Phase::Accounts).ms, 100_000);
    assert_eq!(of(&after, Phase::Accounts).measured, Measured::Here);
    // Half as many rooms with half as many events.
    assert_eq!(of(&after, Phase::Rooms).ms, 30_000);
    assert_eq!(
        of(&after, Phase::Profiles).measured,
        Measured::Elsewhere,
        "too short a run"
    );

    // A later run counts twice as much.
    paces.learn(Phase::Accounts, worked(500, 0, 5_000));
    assert_eq!(
        of(&forecast(&plan, counted, &paces), Phase::Accounts).ms,
        40_000
    );
}

#[test]
fn what_is_confirmed_has_no_times_in_it() {
    let plan = plan(vec![room(1, 3, 100, None)]);
    let digest = plan.digest();
    let mut paces = Paces::default();
    paces.learn(
        Phase::Accounts,
        Worked {
            units: 1_000,
            ms: 9_000,
            ..Worked::default()
        },
    );
    assert_ne!(
        forecast(&plan, Counted::default(), &paces),
        forecast(&plan, Counted::default(), &Paces::default())
    );
    assert_eq!(plan.digest(), digest);
    assert!(!serde_json::to_string(&plan).unwrap().contains("\"ms\""));
}
