use super::*;
use crate::migration::plan::{Replayed, UserPlan};

fn room(number: usize, action: RoomAction) -> RoomPlan {
    RoomPlan {
        room_id: format!("!r{number}:ferry.test").try_into().unwrap(),
        name: format!("Room_{number}"),
        version: Some(ruma::RoomVersionId::V11),
        events: 1_000,
        members: 3,
        action,
    }
}

fn carry() -> RoomAction {
    RoomAction::Carry {
        joiner: "@anna:ferry.test".try_into().unwrap(),
        join: JoinPoint::Create {
            event_id: "$create".try_into().unwrap(),
        },
    }
}

fn skip() -> RoomAction {
    RoomAction::Skip {
        reason: "room version 1: upgrade it on Synapse first".into(),
    }
}

fn plan() -> Plan {
    let user = |name: &str, action| UserPlan {
        user_id: name.try_into().unwrap(),
        action,
    };
    Plan {
        users: vec![
            user("@anna:ferry.test", UserAction::Carry),
            user(
                "@gone:ferry.test",
                UserAction::Reserve {
                    reason: "deactivated on Synapse".into(),
                },
            ),
            user(
                "@guest:ferry.test",
                UserAction::Skip {
                    reason: "a guest".into(),
                },
            ),
        ],
        rooms: (0..10)
            .map(|number| room(number, carry()))
            .chain([room(10, skip())])
            .collect(),
        ..Plan::sample()
    }
}

#[test]
fn who_waits_at_a_door_is_listed() {
    let mut plan = plan();
    plan.users.clear();
    plan.rooms.clear();
    let waiting = |user: &str, kind, by: &str, left: Option<&str>| Waiting {
        user_id: user.try_into().unwrap(),
        kind,
        by: by.try_into().unwrap(),
        left: left.map(str::to_owned),
    };
    let pending = RoomAction::Pending {
        waiting: vec![
            waiting("@anna:ferry.test", Kind::Invite, "@ben:ferry.test", None),
            waiting("@cara:ferry.test", Kind::Knock, "@cara:ferry.test", None),
            waiting(
                "@dora:ferry.test",
                Kind::Knock,
                "@dora:ferry.test",
                Some("let them knock again"),
            ),
        ],
    };
    plan.rooms.push(room(1, pending));
    insta::assert_snapshot!(short(&plan, &Forecast::default()), @r"
    **0 accounts and 0 of 1 room will be carried to Tuwunel 1.9.0.**

    - bundle: `b.tar.zst`
    - history: 0 events
    - 1 room that nobody here is in: only invites and knocks come over

    Who waits at a door again:

    - Room\_1 (`!r1:ferry.test`): `@anna:ferry.test` is invited by `@ben:ferry.test`; `@cara:ferry.test` knocks; `@dora:ferry.test` does not: let them knock again

    Nothing has been changed. Next: `import`.
    ");
}

#[test]
fn a_past_that_comes_as_backfill_is_told() {
    let mut plan = plan();
    plan.history = Replayed::Last(1_000);
    plan.target.software = "Tuwunel 1.8.3".into();
    plan.rooms.truncate(1);
    plan.rooms[0].action = RoomAction::Carry {
        joiner: "@anna:ferry.test".try_into().unwrap(),
        join: JoinPoint::Recent {
            event_id: "$late".try_into().unwrap(),
            older: 4_000,
        },
    };
    plan.rooms[0].events = 5_000;
    insta::assert_snapshot!(short(&plan, &Forecast::default()), @r"
    **1 account and 1 of 1 room will be carried to Tuwunel 1.8.3.**

    - bundle: `b.tar.zst`
    - history: 5,000 events, of them 4,000 as backfill (`--history 1000`)
    - **whoever has an account and knows a room's ID can read what comes as backfill**: this target does not protect it; take `--history all` if that is not what you want
    - 1 account closed on Synapse: the name is created and closed, so that nobody takes it
    - 1 account skipped

    Who joins first, and so opens the room:

    - Room\_0 (`!r0:ferry.test`): `@anna:ferry.test` joins late: the first 4,000 events come as backfill

    Nothing has been changed. Next: `import`.
    ");
    plan.target.software = "Tuwunel 1.9.0".into();
    assert!(!short(&plan, &Forecast::default()).contains("can read what comes"));
}

#[test]
fn a_bundle_that_is_not_complete_is_named() {
    let mut plan = plan();
    assert!(!short(&plan, &Forecast::default()).contains("not complete"));
    plan.complete = false;
    let line = short(&plan, &Forecast::default());
    let line = line.lines().find(|line| line.contains("complete"));
    insta::assert_snapshot!(line.unwrap(), @"- **the bundle is not complete**: its export broke off; export again before you import");
}

#[test]
fn who_else_must_hear_nothing_is_told() {
    let mut plan = plan();
    assert!(!short(&plan, &Forecast::default()).contains("shared"));
    plan.shared.rooms = 7;
    let servers = ["far.test", "farther.test:8448"].map(|name| name.try_into().unwrap());
    plan.shared.servers = servers.into();
    let text = short(&plan, &Forecast::default());
    let line = text.lines().find(|line| line.contains("shared"));
    assert!(
        full(&plan, &Forecast::default())
            .contains("\n## Other servers in these rooms\n\n- `far.test`\n- `farther.test:8448`\n")
    );
    insta::assert_snapshot!(line.unwrap(), @"- **7 rooms are shared with 2 other servers, which must hear nothing of it before the switch:** Tuwunel may reach nobody but Ferryman (an address filter or a network without a way out, see the runbook), and asks nobody else for keys (`only_query_trusted_key_servers = true`). `allowed_remote_server_names_experimental` hides what people of other servers said and refuses rooms that they made: leave it unset. What Tuwunel has for other servers meanwhile it keeps, and sends when it is started again without the filter.");
}

#[test]
fn the_room_gets_counts_and_the_first_entries() {
    insta::assert_snapshot!(short(&plan(), &Forecast::default()), @r"
    **1 account and 10 of 11 rooms will be carried to Tuwunel 1.9.0.**

    - bundle: `b.tar.zst`
    - history: 10,000 events
    - 1 account closed on Synapse: the name is created and closed, so that nobody takes it
    - 1 account skipped

    Rooms that stay behind:

    - Room\_10 (`!r10:ferry.test`): room version 1: upgrade it on Synapse first

    Who joins first, and so opens the room:

    - Room\_0 (`!r0:ferry.test`): `@anna:ferry.test` joins at the beginning
    - Room\_1 (`!r1:ferry.test`): `@anna:ferry.test` joins at the beginning
    - Room\_2 (`!r2:ferry.test`): `@anna:ferry.test` joins at the beginning
    - … and 7 more, see the report

    Nothing has been changed. Next: `import`.
    ");
}

#[test]
fn the_file_gets_everything() {
    let mut plan = plan();
    plan.rooms.drain(..9);
    insta::assert_snapshot!(full(&plan, &Forecast::default()), @r"
    # Plan

    **1 account and 1 of 2 rooms will be carried to Tuwunel 1.9.0.**

    - bundle: `b.tar.zst`
    - history: 1,000 events
    - 1 account closed on Synapse: the name is created and closed, so that nobody takes it
    - 1 account skipped

    ## Rooms

    | room | name | version | members | events | what happens |
    |---|---|---|---|---|---|
    | `!r9:ferry.test` | Room\_9 | 11 | 3 | 1000 | `@anna:ferry.test` joins at the beginning |
    | `!r10:ferry.test` | Room\_10 | 11 | 3 | 1000 | room version 1: upgrade it on Synapse first |

    ## Users

    - `@anna:ferry.test`: carried over
    - `@gone:ferry.test`: created and closed, so that nobody takes the name: deactivated on Synapse
    - `@guest:ferry.test`: skipped: a guest
    ");
}

#[test]
fn a_target_without_history_says_so() {
    let mut plan = plan();
    plan.target.replay = false;
    plan.rooms.clear();
    insta::assert_snapshot!(short(&plan, &Forecast::default()), @r"
    **1 account and 0 of 0 rooms will be carried to Tuwunel 1.9.0.**

    - bundle: `b.tar.zst`
    - history: none, this target only joins rooms at their current state
    - 1 account closed on Synapse: the name is created and closed, so that nobody takes it
    - 1 account skipped

    Nothing has been changed. Next: `import`.
    ");
}
