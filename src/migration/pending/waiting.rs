//! Who waits where, and whether the target lets them: plain data, decided without I/O.

use std::collections::BTreeSet;

use ruma::OwnedUserId;
use serde::Serialize;

use crate::migration::plan::{Abilities, RoomAction};

/// One who waits at a room's door.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Waiting {
    /// Who.
    pub user_id: OwnedUserId,
    /// For what.
    pub kind: Kind,
    /// Who invited, or the user itself.
    pub by: OwnedUserId,
    /// Why it can't be brought over, in one clause with what to do; none if it can.
    pub left: Option<String>,
}

/// What somebody waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Their own answer.
    Invite,
    /// That of the room's members.
    Knock,
}

impl Kind {
    /// Of a membership; none for those who don't wait.
    #[must_use]
    pub fn of(membership: &str) -> Option<Self> {
        match membership {
            "invite" => Some(Self::Invite),
            "knock" => Some(Self::Knock),
            _ => None,
        }
    }

    /// `invite` or `knock`, as memberships are called.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Invite => "invite",
            Self::Knock => "knock",
        }
    }
}

/// An invite or knock of the bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Who.
    pub user_id: OwnedUserId,
    /// For what.
    pub kind: Kind,
    /// The event's sender; none if the bundle doesn't have the event.
    pub by: Option<OwnedUserId>,
}

/// What happens to a room that nobody can join, but at whose door somebody waits who can act; none if nobody does.
#[must_use]
pub fn action(
    found: &[Found],
    target: &Abilities,
    able: &BTreeSet<OwnedUserId>,
) -> Option<RoomAction> {
    let waiting: Vec<_> = found
        .iter()
        .filter(|found| able.contains(&found.user_id))
        .map(|found| Waiting {
            user_id: found.user_id.clone(),
            kind: found.kind,
            by: found.by.clone().unwrap_or_else(|| found.user_id.clone()),
            left: left(found, target),
        })
        .collect();
    let first = waiting.first()?;
    if waiting.iter().any(|waiting| waiting.left.is_none()) {
        return Some(RoomAction::Pending { waiting });
    }
    let reason = first.left.clone().unwrap_or_default();
    Some(RoomAction::Skip { reason })
}

/// Why it can't be brought over.
fn left(found: &Found, target: &Abilities) -> Option<String> {
    let software = &target.software;
    match found.kind {
        _ if found.by.is_none() => Some(format!(
            "the bundle does not have the event of the {} that waits there: {}",
            found.kind.name(),
            remedy(found.kind)
        )),
        Kind::Invite if !target.takes_invites() => Some(format!(
            "its local members are only invited, and {software} takes an invite from the inviter's own server alone: {}",
            remedy(found.kind)
        )),
        Kind::Knock if !target.keeps_knocks() => Some(format!(
            "its local members have only knocked, and {software} shows nobody their own knock: {}",
            remedy(found.kind)
        )),
        Kind::Invite | Kind::Knock => None,
    }
}

fn remedy(kind: Kind) -> &'static str {
    match kind {
        Kind::Invite => "invite them again after the switch",
        Kind::Knock => "let them knock again after the switch",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use ruma::{RoomVersionId, owned_room_id, user_id};

    use super::*;
    use crate::{
        migration::{facts::RoomFacts, plan::Replayed, planner},
        model::room::Room,
    };

    fn target(software: &str, replay: bool) -> Abilities {
        Abilities {
            software: software.to_owned(),
            replay,
            room_versions: Vec::new(),
        }
    }

    fn found(user: &str, kind: Kind) -> Found {
        let user_id = OwnedUserId::try_from(user).unwrap();
        let by = match kind {
            Kind::Invite => user_id!("@host:elsewhere").to_owned(),
            Kind::Knock => user_id.clone(),
        };
        Found {
            user_id,
            kind,
            by: Some(by),
        }
    }

    fn skipped(found: &[Found], target: &Abilities) -> String {
        let able = BTreeSet::from([user_id!("@a:x").to_owned(), user_id!("@b:x").to_owned()]);
        match action(found, target, &able) {
            Some(RoomAction::Skip { reason }) => reason,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn those_who_can_act_come_over_as_far_as_the_target_lets_them() {
        let able = BTreeSet::from([user_id!("@a:x").to_owned(), user_id!("@b:x").to_owned()]);
        let all = [
            found("@a:x", Kind::Invite),
            found("@b:x", Kind::Knock),
            found("@closed:x", Kind::Invite),
        ];
        let who = |target: &Abilities| match action(&all, target, &able) {
            Some(RoomAction::Pending { waiting }) => waiting
                .into_iter()
                .map(|is| (is.user_id.to_string(), is.by.to_string(), is.left.is_none()))
                .collect::<Vec<_>>(),
            other => panic!("{other:?}"),
        };
        let a = |comes| ("@a:x".to_owned(), "@host:elsewhere".to_owned(), comes);
        let b = |comes| ("@b:x".to_owned(), "@b:x".to_owned(), comes);
        assert_eq!(who(&target("Tuwunel 1.4.6", true)), [a(true), b(false)]);
        assert_eq!(who(&target("Tuwunel 1.9.0", true)), [a(false), b(true)]);
        assert_eq!(who(&target("Synapse 1.163.2", false)), [a(false), b(true)]);
        let nobody = action(&all[2..], &target("Tuwunel 1.4.6", true), &able);
        assert_eq!(nobody, None);
    }

    #[test]
    fn who_stays_behind_is_told_why() {
        let invite = [found("@a:x", Kind::Invite)];
        let knock = [found("@a:x", Kind::Knock)];
        insta::assert_snapshot!(skipped(&invite, &target("Tuwunel 1.9.0", true)), @"its local members are only invited, and Tuwunel 1.9.0 takes an invite from the inviter's own server alone: invite them again after the switch");
        insta::assert_snapshot!(skipped(&knock, &target("Tuwunel 1.4.6", true)), @"its local members have only knocked, and Tuwunel 1.4.6 shows nobody their own knock: let them knock again after the switch");
        let lost = [Found {
            by: None,
            ..found("@a:x", Kind::Invite)
        }];
        insta::assert_snapshot!(skipped(&lost, &target("Tuwunel 1.4.6", true)), @"the bundle does not have the event of the invite that waits there: invite them again after the switch");
    }

    #[test]
    fn a_door_is_one_whatever_the_bundle_has_of_the_room() {
        let room = Room {
            version: Some(RoomVersionId::V10),
            ..Room::named(owned_room_id!("!r:x"))
        };
        let members = BTreeMap::from([(user_id!("@a:x").to_owned(), "invite".to_owned())]);
        let mut facts = RoomFacts::empty(room, members);
        facts.waiting = vec![found("@a:x", Kind::Invite)];
        let able = BTreeSet::from([user_id!("@a:x").to_owned(), user_id!("@b:x").to_owned()]);
        let action = |facts: &RoomFacts| {
            let target = target("Tuwunel 1.4.6", true);
            planner::plan_room(facts, &target, Replayed::All, &able).action
        };
        for timeline in [0, 9] {
            facts.timeline = timeline;
            let pending = matches!(action(&facts), RoomAction::Pending { .. });
            assert!(pending, "{timeline}");
        }
        // Not where one of ours is in: there the invite comes with the room.
        let mut entered = facts.clone();
        entered
            .memberships
            .insert(user_id!("@b:x").to_owned(), "join".to_owned());
        assert!(!matches!(action(&entered), RoomAction::Pending { .. }));
        facts.room.version = Some(RoomVersionId::V1);
        assert!(matches!(action(&facts), RoomAction::Skip { .. }));
    }
}
