//! Who joins, and where.

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
        serde_json::from_value(serde_json::json!({"room_id": "!r:x", "version": "10"})).unwrap();
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
    let own = [ruma::owned_user_id!("@conduit:x")];
    let action = |json| plan_user(&user(json), server_name!("x"), &own).action;
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
    assert_eq!(
        action(serde_json::json!({"user_id": "@conduit:x"})),
        UserAction::Skip {
            reason: "an account of the target's own, or Ferryman's, has this name".to_owned()
        }
    );
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

#[test]
fn every_room_that_stays_behind_has_its_kind() {
    let kind = |facts: &RoomFacts| {
        let plan = plan_room(facts, &tuwunel(), Replayed::All, &able());
        left(&plan, &tuwunel())
    };
    let joined = || facts(&[("@creator:x", "join")]);
    assert_eq!(kind(&joined()), None);
    let mut unknown = joined();
    unknown.room.version = None;
    assert_eq!(kind(&unknown), Some(Left::UnknownVersion));
    let mut old = joined();
    old.room.version = Some(RoomVersionId::V1);
    assert_eq!(kind(&old), Some(Left::Version));
    let mut empty = joined();
    empty.timeline = 0;
    assert_eq!(kind(&empty), Some(Left::NoEvents));
    let nobody = facts(&[("@a:x", "leave"), ("@other:y", "join")]);
    assert_eq!(kind(&nobody), Some(Left::NobodyJoined));
    let invited = facts(&[("@a:x", "invite")]);
    assert_eq!(kind(&invited), Some(Left::OnlyWaiting));
    let mut forked = facts(&[("@a:x", "join")]);
    forked.create = None;
    forked.first_joins.clear();
    assert_eq!(kind(&forked), Some(Left::NoPlace));
}
