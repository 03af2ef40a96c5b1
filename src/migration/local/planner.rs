//! Which rooms are made anew, and how. No I/O.

use std::collections::BTreeSet;

use ruma::{OwnedUserId, RoomId, RoomVersionId, ServerName};
use serde::Serialize;
use serde_json::Value;

use super::{levels, messages::Counted};
use crate::{
    migration::{
        facts::RoomFacts,
        plan::{Abilities, RoomAction, RoomPlan},
        planner::{self, Left},
    },
    model::mode::Mode,
};

/// The newest version in which a room can keep its ID, and so the best one for a room whose own the target doesn't take.
const INSTEAD: RoomVersionId = RoomVersionId::V11;

/// How a room is made anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Recreation {
    /// Why it is not carried over with its history, in one clause.
    pub reason: String,
    /// Who makes it.
    pub creator: OwnedUserId,
    /// Whether it gets its own ID again.
    pub keeps_id: bool,
    /// Its version on the target.
    pub version: RoomVersionId,
    /// Who is put back into it.
    pub members: Members,
    /// What of its messages is sent again; nothing if that isn't asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub messages: Option<Counted>,
}

/// Members of a room that is made anew, by what becomes of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Members {
    /// They join.
    pub joined: u64,
    /// They are invited.
    pub invited: u64,
    /// They knock.
    pub knocking: u64,
    /// They are banned, also those of other servers.
    pub banned: u64,
    /// They are of other servers, or their accounts are closed, and are not put back.
    pub left: u64,
}

/// Why a room is made anew; nothing if it isn't. `is_made` is one that an earlier import has begun to make: it stays so.
#[must_use]
pub fn reason(plan: &RoomPlan, target: &Abilities, mode: Mode, is_made: bool) -> Option<String> {
    let reason = match &plan.action {
        RoomAction::Carry { .. } if mode == Mode::Local || is_made => {
            "`--mode local` was asked for".to_owned()
        }
        RoomAction::Skip { reason } if is_cause(plan, target) => reason.clone(),
        _ => return None,
    };
    (mode != Mode::Resident || is_made).then_some(reason)
}

/// Whether a room that stays behind could be made anew.
#[must_use]
pub fn could_be(
    facts: &RoomFacts,
    plan: &RoomPlan,
    target: &Abilities,
    able: &BTreeSet<OwnedUserId>,
) -> bool {
    is_cause(plan, target) && creator(facts, &Value::Null, able, false).is_some()
}

/// Whether it stays behind for a reason that doesn't matter where it is made anew.
fn is_cause(plan: &RoomPlan, target: &Abilities) -> bool {
    let causes = [
        Left::UnknownVersion,
        Left::Version,
        Left::NoEvents,
        Left::NoPlace,
    ];
    planner::left(plan, target).is_some_and(|why| causes.contains(&why))
}

/// How a room is made anew. `levels` is the content of its power levels; `is_filled` says whether its messages are sent
/// again. Nothing if nobody could be in it.
#[must_use]
pub fn plan(
    facts: &RoomFacts,
    levels: &Value,
    target: &Abilities,
    (own, able): (&ServerName, &BTreeSet<OwnedUserId>),
    reason: String,
    is_filled: bool,
) -> Option<Recreation> {
    // Who has left must not read what was said since.
    let creator = creator(facts, levels, able, !is_filled)?;
    let version = version(facts.room.version.as_ref(), target);
    Some(Recreation {
        reason,
        creator,
        keeps_id: keeps_id(&facts.room.room_id, own, &version, target),
        version,
        members: members(facts, able),
        messages: None,
    })
}

/// The room's own version, else the best one that the target takes.
fn version(own: Option<&RoomVersionId>, target: &Abilities) -> RoomVersionId {
    if let Some(own) = own.filter(|own| planner::takes(target, own)) {
        return own.clone();
    }
    let number = |version: &RoomVersionId| version.as_str().parse::<u32>().ok();
    let known = target.room_versions.iter();
    known
        .filter(|version| number(version).is_some_and(|number| Some(number) <= self::number()))
        .max_by_key(|version| number(version))
        .cloned()
        .unwrap_or(INSTEAD)
}

fn number() -> Option<u32> {
    INSTEAD.as_str().parse().ok()
}

/// From version 12 on a room's ID is made of its create event, which can't be the same again.
fn keeps_id(room: &RoomId, own: &ServerName, version: &RoomVersionId, target: &Abilities) -> bool {
    room.server_name() == Some(own)
        && !levels::creators_have_all(version)
        && target.takes_room_ids()
        && localpart(room).is_some()
}

/// What is before the server's name in a room's ID, if a room can be made by it.
#[must_use]
pub fn localpart(room: &RoomId) -> Option<&str> {
    let (local, _) = room.as_str().strip_prefix('!')?.split_once(':')?;
    (!local.is_empty() && !local.contains(char::is_whitespace)).then_some(local)
}

/// The room's own creator where that is a user of ours who is in it, or was; else the mightiest of its members. Without
/// levels nobody has power but whoever makes it.
fn creator(
    facts: &RoomFacts,
    levels: &Value,
    able: &BTreeSet<OwnedUserId>,
    may_leave: bool,
) -> Option<OwnedUserId> {
    let membership = |user: &OwnedUserId| facts.memberships.get(user).map(String::as_str);
    let joined = || {
        let joined = able.iter();
        joined.filter(|user| membership(user) == Some("join"))
    };
    // Whom nobody would be with needs no room.
    joined().next()?;
    let maker = facts.room.creator.as_ref();
    let maker = maker.or_else(|| facts.create.as_ref().map(|(_, creator)| creator));
    // Who has left leaves again, and takes their power along: somebody else must have some.
    let may_leave = may_leave && !levels.is_null();
    let may = |user: &&OwnedUserId| {
        let may = match membership(user) {
            Some("join") => true,
            None | Some("leave") => may_leave,
            Some(_) => false,
        };
        may && able.contains(*user)
    };
    if let Some(maker) = maker.filter(may) {
        return Some(maker.clone());
    }
    let mightiest = joined().rev().max_by_key(|user| levels::of(levels, user));
    mightiest.cloned()
}

fn members(facts: &RoomFacts, able: &BTreeSet<OwnedUserId>) -> Members {
    let mut members = Members::default();
    for (user, membership) in &facts.memberships {
        let is_able = able.contains(user);
        let count = match membership.as_str() {
            "ban" => &mut members.banned,
            "join" if is_able => &mut members.joined,
            "invite" if is_able => &mut members.invited,
            "knock" if is_able => &mut members.knocking,
            "join" | "invite" | "knock" => &mut members.left,
            _ => continue,
        };
        *count += 1;
    }
    members
}

#[cfg(test)]
mod tests {
    use ruma::server_name;
    use serde_json::json;

    use super::*;
    use crate::migration::plan::JoinPoint;

    fn target(software: &str) -> Abilities {
        Abilities {
            software: software.to_owned(),
            replay: software.starts_with("Tuwunel"),
            room_versions: ["3", "10", "11", "12", "org.x"]
                .map(|version| version.try_into().unwrap())
                .into(),
        }
    }

    fn facts(
        id: &str,
        creator: &str,
        version: Option<&str>,
        members: &[(&str, &str)],
    ) -> RoomFacts {
        let room = json!({ "room_id": id, "creator": creator, "version": version });
        let members = members.iter().map(|(user, membership)| {
            let user = OwnedUserId::try_from(format!("@{user}")).unwrap();
            (user, (*membership).to_owned())
        });
        RoomFacts::empty(serde_json::from_value(room).unwrap(), members.collect())
    }

    fn able() -> BTreeSet<OwnedUserId> {
        ["@a:x", "@b:x", "@c:x"]
            .map(|user| user.try_into().unwrap())
            .into()
    }

    fn planned(facts: &RoomFacts, software: &str) -> Option<Recreation> {
        let levels = json!({ "users": { "@b:x": 50, "@c:x": 50, "@far:y": 100 } });
        let own = server_name!("x");
        plan(
            facts,
            &levels,
            &target(software),
            (own, &able()),
            "why".to_owned(),
            false,
        )
    }

    #[test]
    fn a_room_is_made_by_its_creator_or_by_the_mightiest_of_its_members() {
        let who = |creator: &str, members: &[(&str, &str)]| {
            let made = planned(
                &facts("!r:x", creator, Some("10"), members),
                "Tuwunel 1.4.6",
            );
            made.map_or_else(|| "nobody".to_owned(), |made| made.creator.to_string())
        };
        let all = [("a:x", "join"), ("b:x", "join"), ("c:x", "join")];
        assert_eq!(who("@a:x", &all), "@a:x");
        assert_eq!(who("@a:x", &[("a:x", "leave"), ("b:x", "join")]), "@a:x");
        assert_eq!(who("@a:x", &[("b:x", "join")]), "@a:x");
        assert_eq!(who("@a:x", &[("a:x", "ban"), ("b:x", "join")]), "@b:x");
        assert_eq!(who("@a:x", &[("a:x", "invite"), ("b:x", "join")]), "@b:x");
        assert_eq!(who("@far:y", &all), "@b:x");
        assert_eq!(
            who("@closed:x", &[("a:x", "join"), ("c:x", "join")]),
            "@c:x"
        );
        assert_eq!(
            who("@a:x", &[("a:x", "leave"), ("far:y", "join")]),
            "nobody"
        );
        let gone = facts(
            "!r:x",
            "@a:x",
            Some("10"),
            &[("a:x", "leave"), ("b:x", "join")],
        );
        assert_eq!(creator(&gone, &Value::Null, &able(), true).unwrap(), "@b:x");
        let some = json!({});
        assert_eq!(creator(&gone, &some, &able(), true).unwrap(), "@a:x");
        // They would read what was said since.
        assert_eq!(creator(&gone, &some, &able(), false).unwrap(), "@b:x");
        let members = [
            ("a:x", "join"),
            ("b:x", "invite"),
            ("c:x", "knock"),
            ("closed:x", "join"),
            ("far:y", "ban"),
            ("farther:y", "join"),
            ("gone:x", "leave"),
        ];
        let made = planned(
            &facts("!r:x", "@a:x", Some("10"), &members),
            "Tuwunel 1.4.6",
        );
        let counted = Members {
            joined: 1,
            invited: 1,
            knocking: 1,
            banned: 1,
            left: 2,
        };
        assert_eq!(made.unwrap().members, counted);
    }

    #[test]
    fn an_id_is_kept_where_the_target_lets_it() {
        let made = |id: &str, version: Option<&str>, software: &str| {
            let facts = facts(id, "@a:x", version, &[("a:x", "join")]);
            let made = planned(&facts, software).unwrap();
            (made.version.to_string(), made.keeps_id)
        };
        let is = |version: &str, keeps| (version.to_owned(), keeps);
        assert_eq!(made("!r:x", Some("10"), "Tuwunel 1.4.6"), is("10", true));
        assert_eq!(made("!r:x", Some("1"), "Tuwunel 1.4.6"), is("11", true));
        assert_eq!(made("!r:x", None, "Tuwunel 1.9.0"), is("11", true));
        assert_eq!(made("!r:x", Some("12"), "Tuwunel 1.9.0"), is("12", false));
        assert_eq!(made("!r:y", Some("10"), "Tuwunel 1.9.0"), is("10", false));
        assert_eq!(made("!a b:x", Some("10"), "Tuwunel 1.9.0"), is("10", false));
        assert_eq!(made("!r:x", Some("10"), "Synapse 1.163"), is("10", false));
        let none = Abilities {
            room_versions: Vec::new(),
            ..target("Tuwunel 2")
        };
        assert_eq!(version(Some(&RoomVersionId::V1), &none), INSTEAD);
        assert_eq!(version(Some(&RoomVersionId::V9), &none), RoomVersionId::V9);
    }

    #[test]
    fn the_mode_says_which_rooms_are_made_anew() {
        let room = |version: Option<&str>, action| RoomPlan {
            room_id: "!r:x".try_into().unwrap(),
            name: "Room".to_owned(),
            version: version.map(|version| version.try_into().unwrap()),
            events: 1,
            members: 1,
            action,
        };
        let skip = |reason: &str| RoomAction::Skip {
            reason: reason.to_owned(),
        };
        let carried = room(
            Some("10"),
            RoomAction::Carry {
                joiner: "@a:x".try_into().unwrap(),
                join: JoinPoint::Current,
            },
        );
        let old = room(Some("1"), skip("room version 1"));
        let empty = room(Some("10"), skip(planner::NOBODY_JOINED));
        let target = target("Tuwunel 1.4.6");
        let made = |mode, is_made| {
            [&carried, &old, &empty].map(|room| reason(room, &target, mode, is_made).is_some())
        };
        assert_eq!(made(Mode::Resident, false), [false, false, false]);
        assert_eq!(made(Mode::Resident, true), [true, true, false]);
        assert_eq!(made(Mode::Fallback, false), [false, true, false]);
        assert_eq!(made(Mode::Local, false), [true, true, false]);
    }
}
