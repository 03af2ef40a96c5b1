//! From a bundle's facts and a target's abilities to a plan. No I/O.

use std::collections::BTreeSet;

use ruma::{OwnedUserId, RoomVersionId, ServerName};

use super::{
    facts::RoomFacts,
    pending::waiting,
    plan::{Abilities, JoinPoint, Replayed, RoomAction, RoomPlan, UserAction, UserPlan},
};
use crate::model::{room::Room, user::User};

/// With fewer events as backfill, everything is replayed.
const WORTH_A_BACKFILL: u64 = 100;

/// What happens to a user.
#[must_use]
pub fn plan_user(user: &User, server_name: &ServerName) -> UserPlan {
    let action = if user.user_id.server_name() != server_name {
        UserAction::Skip {
            reason: format!("not a user of {server_name}"),
        }
    } else if user.is_guest {
        UserAction::Skip {
            reason: "guests are not carried over".to_owned(),
        }
    } else if let Some(state) = closed(user) {
        UserAction::Reserve {
            reason: format!("{state} on Synapse"),
        }
    } else {
        UserAction::Carry
    };
    UserPlan {
        user_id: user.user_id.clone(),
        action,
    }
}

/// An account that nobody can use on Synapse stays closed: the target knows no locked, suspended or shadow-banned ones,
/// and none of them may come back open.
fn closed(user: &User) -> Option<&'static str> {
    let states = [
        (user.erased, "erased"),
        (user.deactivated, "deactivated"),
        (user.locked, "locked"),
        (user.suspended, "suspended"),
        (user.shadow_banned, "shadow-banned"),
    ];
    states
        .into_iter()
        .find_map(|(is, state)| is.then_some(state))
}

/// The users who can act on the target, so that one of them can join a room.
#[must_use]
pub fn able_users(plans: &[UserPlan]) -> BTreeSet<OwnedUserId> {
    plans
        .iter()
        .filter(|plan| plan.action == UserAction::Carry)
        .map(|plan| plan.user_id.clone())
        .collect()
}

/// A room that the bundle can't tell about.
#[must_use]
pub fn unreadable(room: &Room, why: &dyn std::fmt::Display) -> RoomPlan {
    RoomPlan {
        room_id: room.room_id.clone(),
        name: display_name(room),
        version: room.version.clone(),
        events: room.event_count,
        members: room.joined_members,
        action: RoomAction::Unreadable {
            reason: why.to_string(),
        },
    }
}

fn display_name(room: &Room) -> String {
    room.name
        .clone()
        .or_else(|| room.canonical_alias.as_ref().map(ToString::to_string))
        .unwrap_or_else(|| room.room_id.to_string())
}

/// What happens to a room.
#[must_use]
pub fn plan_room(
    facts: &RoomFacts,
    target: &Abilities,
    history: Replayed,
    able: &BTreeSet<OwnedUserId>,
) -> RoomPlan {
    let room = &facts.room;
    let joined = |user: &OwnedUserId| {
        facts
            .memberships
            .get(user)
            .is_some_and(|membership| membership == "join")
    };
    let action = match &room.version {
        None => skip("its version is unknown: export again"),
        Some(version) if !takes(target, version) => skip(&format!(
            "{} does not take room version {version}: upgrade the room on Synapse and export again",
            target.software
        )),
        Some(_) => match able.iter().find(|user| joined(user)) {
            None if let Some(action) = waiting::action(&facts.waiting, target, able) => action,
            _ if facts.timeline == 0 => {
                skip("the bundle has none of its events: export it with its history")
            }
            None => skip(nobody(facts, able)),
            Some(first) if !target.replay => RoomAction::Carry {
                joiner: first.clone(),
                join: JoinPoint::Current,
            },
            Some(_) => late(facts, history, |user| able.contains(user) && joined(user))
                .unwrap_or_else(|| choose(facts, able, &joined)),
        },
    };
    RoomPlan {
        room_id: room.room_id.clone(),
        name: display_name(room),
        version: room.version.clone(),
        events: facts.timeline,
        members: facts
            .memberships
            .values()
            .filter(|membership| *membership == "join")
            .count() as u64,
        action,
    }
}

fn takes(target: &Abilities, version: &RoomVersionId) -> bool {
    if target.room_versions.is_empty() {
        // It doesn't say. Nobody takes the first versions any more without saying so.
        return !matches!(version, RoomVersionId::V1 | RoomVersionId::V2);
    }
    target.room_versions.contains(version)
}

fn skip(reason: &str) -> RoomAction {
    RoomAction::Skip {
        reason: reason.to_owned(),
    }
}

fn nobody(facts: &RoomFacts, able: &BTreeSet<OwnedUserId>) -> &'static str {
    let waiting = able.iter().any(|user| {
        facts
            .memberships
            .get(user)
            .is_some_and(|membership| membership == "invite" || membership == "knock")
    });
    if waiting {
        "its local members are only invited or have knocked: invite them again after the switch"
    } else {
        "no local user is joined to it any more"
    }
}

/// How much is replayed of each room's history, where the operator doesn't say: without state of their own, backfilled
/// events must not be shown to everybody.
#[must_use]
pub fn usual_history(target: &Abilities) -> Replayed {
    if target.protects_past() {
        Replayed::Auto
    } else {
        Replayed::All
    }
}

/// The latest point in history after which so much is replayed as is wanted, if that saves enough.
fn late(
    facts: &RoomFacts,
    history: Replayed,
    may: impl Fn(&OwnedUserId) -> bool,
) -> Option<RoomAction> {
    let is_join = |membership: &&String| *membership == "join";
    let members = facts.memberships.values().filter(is_join).count() as u64;
    let last = history.of(members)?;
    let (joiner, place) = facts.recent.place(last, facts.timeline, may)?;
    let older = place.position + 1;
    (older >= WORTH_A_BACKFILL).then(|| RoomAction::Carry {
        joiner: joiner.clone(),
        join: JoinPoint::Recent {
            event_id: place.event_id.clone(),
            older,
        },
    })
}

/// The oldest point in history at which somebody may join who is still joined today: then the new join event agrees
/// with the state that the replay ends in. Where the past is gone, that is the first event that is left.
fn choose(
    facts: &RoomFacts,
    able: &BTreeSet<OwnedUserId>,
    joined: &impl Fn(&OwnedUserId) -> bool,
) -> RoomAction {
    if let Some((event_id, creator)) = &facts.create
        && able.contains(creator)
        && joined(creator)
    {
        return RoomAction::Carry {
            joiner: creator.clone(),
            join: JoinPoint::Create {
                event_id: event_id.clone(),
            },
        };
    }
    if let Some(oldest) = &facts.oldest
        && let Some(joiner) = oldest
            .joined
            .iter()
            .find(|user| able.contains(*user) && joined(user))
    {
        return RoomAction::Carry {
            joiner: joiner.clone(),
            join: JoinPoint::Oldest {
                event_id: oldest.event_id.clone(),
            },
        };
    }
    let earliest = facts
        .first_joins
        .iter()
        .filter(|(user, first)| able.contains(*user) && joined(user) && first.certain)
        .min_by_key(|(_, first)| first.position);
    if let Some((joiner, first)) = earliest {
        return RoomAction::Carry {
            joiner: joiner.clone(),
            join: JoinPoint::AfterJoin {
                event_id: first.event_id.clone(),
            },
        };
    }
    // A creator who has left or was banned joins again and is put out again afterwards.
    let is_out = |user: &OwnedUserId| {
        facts
            .memberships
            .get(user)
            .is_none_or(|membership| membership == "leave" || membership == "ban")
    };
    if let Some((event_id, creator)) = &facts.create
        && able.contains(creator)
        && is_out(creator)
    {
        return RoomAction::Carry {
            joiner: creator.clone(),
            join: JoinPoint::Create {
                event_id: event_id.clone(),
            },
        };
    }
    skip(
        "no point in its history at which a local user can join for certain: its first part has forks or is gone",
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use ruma::{owned_event_id, owned_room_id, owned_user_id, server_name};

    use super::*;
    use crate::{
        migration::facts::{FirstJoin, Oldest, Recent},
        model::room::Room,
    };

    fn user(json: serde_json::Value) -> User {
        serde_json::from_value(json).unwrap()
    }

    fn tuwunel() -> Abilities {
        Abilities {
            software: "Tuwunel 1.4.6".to_owned(),
            replay: true,
            room_versions: vec![RoomVersionId::V10, RoomVersionId::V12],
        }
    }

    fn facts(members: &[(&str, &str)]) -> RoomFacts {
        let room: Room =
            serde_json::from_value(serde_json::json!({"room_id": "!r:x", "version": "10"}))
                .unwrap();
        let mut facts = RoomFacts::empty(
            room,
            members
                .iter()
                .map(|(user, membership)| {
                    (
                        OwnedUserId::try_from(*user).unwrap(),
                        (*membership).to_owned(),
                    )
                })
                .collect(),
        );
        facts.timeline = 9;
        facts.create = Some((owned_event_id!("$create"), owned_user_id!("@creator:x")));
        facts.first_joins = BTreeMap::from([
            (owned_user_id!("@creator:x"), first("$c", 1, true)),
            (owned_user_id!("@a:x"), first("$a", 6, true)),
            (owned_user_id!("@b:x"), first("$b", 5, true)),
        ]);
        facts
    }

    fn first(id: &str, position: u64, certain: bool) -> FirstJoin {
        FirstJoin {
            event_id: id.try_into().unwrap(),
            position,
            certain,
        }
    }

    fn able() -> BTreeSet<OwnedUserId> {
        ["@a:x", "@b:x", "@creator:x"]
            .map(|id| OwnedUserId::try_from(id).unwrap())
            .into()
    }

    fn carried_by(plan: &RoomPlan) -> (&str, &JoinPoint) {
        match &plan.action {
            RoomAction::Carry { joiner, join } => (joiner.as_str(), join),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_deep_past_is_left_to_the_backfill() {
        let at = |last| {
            let mut facts = facts(&[("@creator:x", "join"), ("@a:x", "join")]);
            facts.timeline = 3_000;
            facts.recent = Recent::sample(3_000, &[("@creator:x", 1), ("@a:x", 2_500)]);
            match plan_room(&facts, &tuwunel(), last, &able()).action {
                RoomAction::Carry {
                    joiner,
                    join: JoinPoint::Recent { older, .. },
                } => (joiner.to_string(), Some(older)),
                RoomAction::Carry { joiner, .. } => (joiner.to_string(), None),
                other => panic!("{other:?}"),
            }
        };
        let creator = "@creator:x".to_owned();
        assert_eq!(at(Replayed::All), (creator.clone(), None));
        assert_eq!(at(Replayed::Last(1_000)), (creator.clone(), Some(1_985)));
        assert_eq!(at(Replayed::Auto), at(Replayed::Last(1_000)));
        assert_eq!(at(Replayed::Last(0)), (creator.clone(), Some(2_993)));
        assert_eq!(at(Replayed::Last(2_950)), (creator.clone(), None));
        assert_eq!(at(Replayed::Last(5_000)), (creator, None));
    }

    #[test]
    fn a_target_that_shows_the_past_to_all_gets_everything_replayed() {
        assert_eq!(usual_history(&tuwunel()), Replayed::All);
        let later = Abilities {
            software: "Tuwunel 1.9.0".to_owned(),
            ..tuwunel()
        };
        assert_eq!(usual_history(&later), Replayed::Auto);
    }

    #[test]
    fn users_are_carried_reserved_or_skipped() {
        let action = |json| plan_user(&user(json), server_name!("x")).action;
        assert_eq!(
            action(serde_json::json!({"user_id": "@a:x", "is_admin": null})),
            UserAction::Carry
        );
        assert_eq!(
            action(serde_json::json!({"name": "@a:x", "deactivated": true})),
            UserAction::Reserve {
                reason: "deactivated on Synapse".to_owned()
            }
        );
        assert_eq!(
            action(serde_json::json!({"user_id": "@a:x", "locked": true})),
            UserAction::Reserve {
                reason: "locked on Synapse".to_owned()
            }
        );
        assert!(matches!(
            action(serde_json::json!({"user_id": "@a:x", "is_guest": true})),
            UserAction::Skip { .. }
        ));
        assert!(matches!(
            action(serde_json::json!({"user_id": "@a:y"})),
            UserAction::Skip { .. }
        ));
    }

    #[test]
    fn a_creator_who_is_still_there_joins_at_the_create_event() {
        let plan = plan_room(
            &facts(&[("@creator:x", "join"), ("@a:x", "join")]),
            &tuwunel(),
            Replayed::All,
            &able(),
        );
        let (joiner, join) = carried_by(&plan);
        assert_eq!(joiner, "@creator:x");
        assert_eq!(
            *join,
            JoinPoint::Create {
                event_id: owned_event_id!("$create")
            }
        );
        assert_eq!(plan.members, 2);
    }

    #[test]
    fn without_the_creator_the_earliest_member_joins() {
        let facts = facts(&[("@creator:x", "leave"), ("@a:x", "join"), ("@b:x", "join")]);
        let plan = plan_room(&facts, &tuwunel(), Replayed::All, &able());
        let (joiner, join) = carried_by(&plan);
        assert_eq!(joiner, "@b:x");
        assert_eq!(
            *join,
            JoinPoint::AfterJoin {
                event_id: owned_event_id!("$b")
            }
        );
    }

    #[test]
    fn where_the_past_is_gone_somebody_joins_after_what_is_left() {
        let mut facts = facts(&[("@creator:x", "leave"), ("@a:x", "join"), ("@b:x", "join")]);
        facts.create = None;
        let left = |users: &[&str]| {
            let joined = users
                .iter()
                .map(|user| OwnedUserId::try_from(*user).unwrap());
            Some(Oldest {
                event_id: owned_event_id!("$oldest"),
                joined: joined.collect(),
            })
        };
        facts.oldest = left(&["@creator:x", "@gone:x", "@b:x"]);
        let plan = plan_room(&facts, &tuwunel(), Replayed::All, &able());
        let (joiner, join) = carried_by(&plan);
        assert_eq!(joiner, "@b:x");
        let oldest = JoinPoint::Oldest {
            event_id: owned_event_id!("$oldest"),
        };
        assert_eq!(*join, oldest);
        // Nobody of those who are there today was there: the first who came later.
        facts.oldest = left(&["@gone:x"]);
        let plan = plan_room(&facts, &tuwunel(), Replayed::All, &able());
        assert!(matches!(carried_by(&plan).1, JoinPoint::AfterJoin { .. }));
    }

    #[test]
    fn where_forks_make_the_state_uncertain_the_creator_comes_back_for_a_moment() {
        let mut facts = facts(&[("@creator:x", "leave"), ("@a:x", "join")]);
        facts
            .first_joins
            .insert(owned_user_id!("@a:x"), first("$a", 6, false));
        let plan = plan_room(&facts, &tuwunel(), Replayed::All, &able());
        assert_eq!(carried_by(&plan).0, "@creator:x");
    }

    #[test]
    fn a_stand_in_joins_at_the_current_state() {
        let mut target = tuwunel();
        target.replay = false;
        let plan = plan_room(
            &facts(&[("@creator:x", "join")]),
            &target,
            Replayed::All,
            &able(),
        );
        assert_eq!(carried_by(&plan).1, &JoinPoint::Current);
    }

    #[test]
    fn rooms_that_cannot_travel_say_why() {
        let reason =
            |facts: &RoomFacts| match plan_room(facts, &tuwunel(), Replayed::All, &able()).action {
                RoomAction::Skip { reason } => reason,
                other => panic!("{other:?}"),
            };
        let mut old = facts(&[("@a:x", "join")]);
        old.room.version = Some(RoomVersionId::V1);
        insta::assert_snapshot!(reason(&old), @"Tuwunel 1.4.6 does not take room version 1: upgrade the room on Synapse and export again");
        insta::assert_snapshot!(reason(&facts(&[("@a:x", "leave")])), @"no local user is joined to it any more");
        insta::assert_snapshot!(reason(&facts(&[("@a:x", "invite")])), @"its local members are only invited or have knocked: invite them again after the switch");
        let silent = Abilities {
            room_versions: Vec::new(),
            ..tuwunel()
        };
        old.room.version = Some(RoomVersionId::V2);
        assert!(matches!(
            plan_room(&old, &silent, Replayed::All, &able()).action,
            RoomAction::Skip { .. }
        ));
        let mut empty = facts(&[("@a:x", "join")]);
        empty.timeline = 0;
        insta::assert_snapshot!(reason(&empty), @"the bundle has none of its events: export it with its history");
        let mut gone = facts(&[("@a:x", "join")]);
        gone.create = None;
        gone.first_joins.clear();
        gone.room.room_id = owned_room_id!("!gone:x");
        insta::assert_snapshot!(reason(&gone), @"no point in its history at which a local user can join for certain: its first part has forks or is gone");
    }
}
