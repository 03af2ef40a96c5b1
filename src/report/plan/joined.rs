//! What a plan says of rooms that are joined through other servers.

use std::fmt::Write;

use crate::{
    migration::{
        federation::planner::Door,
        plan::{Mode, Plan, RoomAction, Way},
    },
    report::text::{code, count, number_of},
};

/// Those that are joined.
pub(super) fn ways(plan: &Plan) -> impl Iterator<Item = &Way> {
    plan.rooms.iter().filter_map(|room| match &room.action {
        RoomAction::Join(way) => Some(way),
        _ => None,
    })
}

/// How many there are, who gets which name, and what stays.
pub(super) fn lines(plan: &Plan) -> String {
    if plan.mode != Mode::Federation {
        return String::new();
    }
    let ways = || ways(plan);
    let members: u64 = ways().map(|way| way.members.joined).sum();
    let invited: u64 = ways().map(|way| way.members.invited).sum();
    let left: u64 = ways().map(|way| way.members.left).sum();
    let banned: u64 = ways().map(|way| way.members.banned).sum();
    let mut text = String::new();
    let ids = &plan.ids;
    if !ids.are_same() {
        let _infallible = writeln!(
            text,
            "- **users get another ID**: of {}, where they were of {}; who they are to others changes, so their encryption identity and key backups stay behind, as do aliases, the room directory and media, which the old server goes on serving",
            code(&ids.new_name()),
            code(&ids.old_name())
        );
    }
    let _infallible = writeln!(
        text,
        "- **{} joined through the servers that are in them (`--mode federation`)**: {}, {}; what was said stays with these servers",
        count(ways().count() as u64, "room is", "rooms are"),
        count(members, "membership", "memberships"),
        count(invited, "invite", "invites"),
    );
    if left + banned > 0 {
        let _infallible = writeln!(
            text,
            "- not restored: {} (invited by somebody else, having knocked, or closed), {}",
            count(left, "membership", "memberships"),
            count(
                banned,
                "ban, which is of the old ID",
                "bans, which are of old IDs"
            ),
        );
    }
    if !ids.are_same() {
        text.push_str(
            "- on Synapse, old accounts invite their new ones and give them their power level",
        );
        text.push_str(if plan.leave_old {
            "; then they **leave all these rooms** (`--leave-old`)\n"
        } else {
            "; they stay in the rooms (`--leave-old` lets them leave)\n"
        });
    }
    text
}

/// What happens to one of them.
pub(super) fn fate(way: &Way) -> String {
    let members = &way.members;
    let mut people = vec![format!("{} joined", number_of(members.joined))];
    for (number, what) in [
        (members.invited, "invited"),
        (members.banned, "banned by the old ID"),
        (members.left, "not put back"),
    ] {
        if number > 0 {
            people.push(format!("{} {what}", number_of(number)));
        }
    }
    let door = match &way.door {
        Door::Open => String::new(),
        Door::Restricted(rooms) => format!(
            " as members of {}{}",
            count(rooms.len() as u64, "other room", "other rooms"),
            host(way, ", else by invite from")
        ),
        Door::Invite => host(way, " by invite of their old accounts or of"),
    };
    let via = way.via.first().map(code).unwrap_or_default();
    let more = way.via.len().saturating_sub(1) as u64;
    let more = if more > 0 {
        format!(" or {}", count(more, "other server", "other servers"))
    } else {
        String::new()
    };
    format!("joined through {via}{more}{door}: {}", people.join(", "))
}

fn host(way: &Way, words: &str) -> String {
    let host = way.host.as_ref();
    host.map(|host| format!("{words} {}", code(host)))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use ruma::{RoomVersionId, owned_server_name, owned_user_id, server_name};

    use super::super::{full, short};
    use super::*;
    use crate::migration::{
        federation::planner::Members,
        forecast::Forecast,
        plan::{NewIds, RoomPlan},
    };

    #[test]
    fn how_rooms_are_joined_is_told() {
        let room = |number: usize, door: Door| RoomPlan {
            room_id: format!("!r{number}:old.test").try_into().unwrap(),
            name: format!("Room {number}"),
            version: Some(RoomVersionId::V10),
            events: 0,
            members: 3,
            action: RoomAction::Join(Way {
                via: vec![
                    owned_server_name!("old.test"),
                    owned_server_name!("far.test"),
                ],
                aliases: Vec::new(),
                door,
                host: Some(owned_user_id!("@anna:old.test")),
                after: Vec::new(),
                turn: 0,
                members: Members {
                    joined: 2,
                    invited: 1,
                    left: 0,
                    banned: 1,
                },
            }),
        };
        let space = "!r0:old.test".try_into().unwrap();
        let plan = Plan {
            rooms: vec![
                room(0, Door::Open),
                room(1, Door::Restricted(vec![space])),
                room(2, Door::Invite),
            ],
            mode: Mode::Federation,
            leave_old: true,
            ids: NewIds::between(server_name!("old.test"), server_name!("new.test")),
            ..Plan::sample()
        };
        insta::assert_snapshot!(short(&plan, &Forecast::default()), @r###"
        **0 accounts and 3 of 3 rooms will be carried to Tuwunel 1.9.0.**

        - bundle: `b.tar.zst`
        - history: 0 events
        - **users get another ID**: of `new.test`, where they were of `old.test`; who they are to others changes, so their encryption identity and key backups stay behind, as do aliases, the room directory and media, which the old server goes on serving
        - **3 rooms are joined through the servers that are in them (`--mode federation`)**: 6 memberships, 3 invites; what was said stays with these servers
        - not restored: 0 memberships (invited by somebody else, having knocked, or closed), 3 bans, which are of old IDs
        - on Synapse, old accounts invite their new ones and give them their power level; then they **leave all these rooms** (`--leave-old`)

        Nothing has been changed. Next: `import`.
        "###);
        insta::assert_snapshot!(full(&plan, &Forecast::default()), @r###"
        # Plan

        **0 accounts and 3 of 3 rooms will be carried to Tuwunel 1.9.0.**

        - bundle: `b.tar.zst`
        - history: 0 events
        - **users get another ID**: of `new.test`, where they were of `old.test`; who they are to others changes, so their encryption identity and key backups stay behind, as do aliases, the room directory and media, which the old server goes on serving
        - **3 rooms are joined through the servers that are in them (`--mode federation`)**: 6 memberships, 3 invites; what was said stays with these servers
        - not restored: 0 memberships (invited by somebody else, having knocked, or closed), 3 bans, which are of old IDs
        - on Synapse, old accounts invite their new ones and give them their power level; then they **leave all these rooms** (`--leave-old`)

        ## Rooms

        | room | name | version | members | events | what happens |
        |---|---|---|---|---|---|
        | `!r0:old.test` | Room 0 | 10 | 3 | 0 | joined through `old.test` or 1 other server: 2 joined, 1 invited, 1 banned by the old ID |
        | `!r1:old.test` | Room 1 | 10 | 3 | 0 | joined through `old.test` or 1 other server as members of 1 other room, else by invite from `@anna:old.test`: 2 joined, 1 invited, 1 banned by the old ID |
        | `!r2:old.test` | Room 2 | 10 | 3 | 0 | joined through `old.test` or 1 other server by invite of their old accounts or of `@anna:old.test`: 2 joined, 1 invited, 1 banned by the old ID |

        ## Users
        "###);
    }
}
