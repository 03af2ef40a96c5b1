//! A room that was joined through other servers, read from the target and compared with the bundle: members and power.

use std::collections::{BTreeMap, BTreeSet};

use ruma::{OwnedUserId, RoomId, UserId};

use super::{
    levels,
    planner::{self, Around},
    room::{LEVELS, MEMBER, Powers, State},
};
use crate::{
    Error, Result,
    bundle::Bundle,
    migration::{
        by_key,
        outcome::{Comparison, RoomVerification},
        plan::{Plan, RoomPlan},
    },
    model::room::Room,
    target::{Target, making::WholeState},
};

/// Compares one of them, beginning with an empty comparison.
pub async fn room(
    (target, bundle): (&Target, &Bundle),
    (plan, room): (&Plan, &RoomPlan),
    able: &BTreeSet<OwnedUserId>,
    blank: RoomVerification,
    is_deep: bool,
) -> Result<RoomVerification> {
    let (state, memberships) = tokio::task::block_in_place(|| {
        let mut known = Room::named(room.room_id.clone());
        known.version.clone_from(&room.version);
        let state = State::read(bundle, &known)?;
        Ok::<_, Error>((state, bundle.memberships(&room.room_id)?))
    })?;
    let around = Around {
        ids: &plan.ids,
        able,
        via: &[],
        alive: const { &BTreeSet::new() },
        target: &plan.target,
    };
    let (reader, there) = now(target, &room.room_id, &memberships, around)
        .await?
        .unzip();
    let there = there.unwrap_or_default();
    let mut compared = blank;
    if let Some(reader) = reader.filter(|_| is_deep) {
        let pairs = there.iter();
        let pairs = pairs.map(|event| (event.kind.clone(), event.state_key.clone()));
        compared.by_key = by_key::compare(target, &reader, &room.room_id, pairs).await?;
    }
    compared.members = members(&state, &memberships, &there, around);
    compared.state = powers(&state, &memberships, &there, around);
    compared.timeline.known.push(
        "the history stays with the servers that have it: clients get it from them, as far as they may see it".to_owned(),
    );
    Ok(compared)
}

/// The first of ours who is in the room, and what it looks like to them; nothing if nobody is.
async fn now(
    target: &Target,
    room: &RoomId,
    memberships: &BTreeMap<OwnedUserId, String>,
    around: Around<'_>,
) -> Result<Option<(OwnedUserId, Vec<WholeState>)>> {
    let joined = memberships.iter();
    let joined = joined.filter(|(user, membership)| *membership == "join" && around.comes(user));
    for (old, _) in joined {
        let new = around.ids.new_id(old);
        if target.joined_rooms(&new).await?.iter().any(|it| it == room) {
            let state = target.whole_state(&new, room).await?.unwrap_or_default();
            return Ok(Some((new, state)));
        }
    }
    Ok(None)
}

fn membership<'a>(there: &'a [WholeState], user: &UserId) -> &'a str {
    let mut events = there.iter();
    let event = events.find(|event| event.kind == MEMBER && event.state_key == user.as_str());
    event.map_or("nothing", |event| {
        event.content["membership"].as_str().unwrap_or("nothing")
    })
}

fn members(
    state: &State,
    memberships: &BTreeMap<OwnedUserId, String>,
    there: &[WholeState],
    around: Around<'_>,
) -> Comparison {
    let mut comparison = Comparison::default();
    for (old, wanted) in memberships
        .iter()
        .filter(|(user, _)| around.ids.is_old(user))
    {
        let new = around.ids.new_id(old);
        let have = membership(there, &new);
        match wanted.as_str() {
            "join" | "invite" if !around.comes(old) => comparison
                .known
                .push(format!("{old} ({wanted}) has no account that can be used")),
            "join" => {
                comparison.expected += 1;
                if have == "join" {
                    comparison.equal += 1;
                } else {
                    comparison.differences.push(format!("{new} is {have} instead of join"));
                }
            }
            "invite" if planner::inviter(state, memberships, old, around).is_some() => {
                comparison.expected += 1;
                // They may have come in since.
                if have == "invite" || have == "join" {
                    comparison.equal += 1;
                } else {
                    comparison.differences.push(format!("{new} is {have} instead of invite"));
                }
            }
            "invite" => comparison
                .known
                .push(format!("{new} is not invited again: who has invited {old} is not of the old server, or not in the room any more")),
            "knock" => comparison
                .known
                .push(format!("{new} does not knock: {old} has, and can knock again with the new account")),
            "ban" => comparison
                .known
                .push(format!("{old} is banned, but {new} is not: ban them in the room")),
            _ => {}
        }
    }
    comparison
}

fn powers(
    state: &State,
    memberships: &BTreeMap<OwnedUserId, String>,
    there: &[WholeState],
    around: Around<'_>,
) -> Comparison {
    let mut comparison = Comparison::default();
    let have = there.iter().find(|event| event.kind == LEVELS);
    let have = state
        .powers
        .with(have.map(|event| event.content.clone()).unwrap_or_default());
    let ours: Vec<_> = memberships
        .iter()
        .filter(|(user, membership)| *membership == "join" && around.comes(user))
        .map(|(user, _)| user.clone())
        .collect();
    let usual = state.powers.usual();
    let mighty: Vec<_> = ours
        .iter()
        .filter(|user| state.powers.of(user) > usual)
        .collect();
    let giver = state.powers.mightiest(ours.iter(), Powers::may_give);
    if let Some(giver) = &giver {
        let gift = levels::gift(&state.powers, giver, mighty.iter().copied(), around.ids);
        comparison.known.extend(gift.less);
    }
    for old in mighty {
        let new = around.ids.new_id(old);
        comparison.expected += 1;
        let bound = giver
            .as_ref()
            .map_or(i64::MAX, |giver| state.powers.of(giver));
        let wanted = match state.powers.of(old).min(bound) {
            i64::MAX if around.ids.are_same() => i64::MAX,
            i64::MAX => crate::migration::local::levels::greatest(&state.powers.levels),
            level => level,
        };
        let level = have.of(&new);
        if level >= wanted {
            comparison.equal += 1;
        } else {
            comparison.differences.push(format!(
                "{new} has the power level {level} instead of {wanted}"
            ));
        }
    }
    comparison
}

#[cfg(test)]
mod tests {
    use ruma::{RoomVersionId, server_name};
    use serde_json::{Value, json};

    use super::*;
    use crate::migration::{
        federation::{new_ids::NewIds, room::sample},
        plan::Abilities,
    };

    fn event(kind: &str, key: &str, content: Value) -> WholeState {
        WholeState {
            kind: kind.to_owned(),
            state_key: key.to_owned(),
            sender: String::new(),
            content,
        }
    }

    #[test]
    fn every_member_is_found_or_told() {
        let invite = json!({ "membership": "invite" });
        let events = [
            (
                LEVELS,
                "",
                json!({ "users": { "@a:old.test": 100, "@b:old.test": 50 } }),
            ),
            (MEMBER, "@c:old.test", invite.clone()),
            (MEMBER, "@d:old.test", invite.clone()),
        ];
        let (_, mut state) = sample(&RoomVersionId::V10, "@a:old.test", &events);
        state
            .inviters
            .insert("@d:old.test".to_owned(), "@x:far.test".to_owned());
        let all = [
            ("@a:old.test", "join"),
            ("@b:old.test", "join"),
            ("@c:old.test", "invite"),
            ("@d:old.test", "invite"),
            ("@e:old.test", "ban"),
            ("@f:old.test", "knock"),
            ("@closed:old.test", "join"),
            ("@x:far.test", "join"),
        ];
        let memberships: BTreeMap<OwnedUserId, String> = all
            .map(|(user, membership)| (user.try_into().unwrap(), membership.to_owned()))
            .into();
        let able = ["a", "b", "c", "d", "e", "f"];
        let able = able.map(|name| OwnedUserId::try_from(format!("@{name}:new.test")).unwrap());
        let (ids, able) = (
            NewIds::between(server_name!("old.test"), server_name!("new.test")),
            able.into(),
        );
        let target = Abilities {
            software: String::new(),
            replay: true,
            room_versions: vec![],
        };
        let around = Around {
            ids: &ids,
            able: &able,
            via: &[],
            alive: &BTreeSet::new(),
            target: &target,
        };
        let there = [
            event(MEMBER, "@a:new.test", json!({ "membership": "join" })),
            event(MEMBER, "@c:new.test", invite),
            event(LEVELS, "", json!({ "users": { "@a:new.test": 100 } })),
        ];
        let members = members(&state, &memberships, &there, around);
        assert_eq!((members.expected, members.equal), (3, 2));
        insta::assert_snapshot!(members.differences.join("\n"), @"@b:new.test is nothing instead of join");
        insta::assert_snapshot!(members.known.join("\n"), @r###"
        @closed:old.test (join) has no account that can be used
        @d:new.test is not invited again: who has invited @d:old.test is not of the old server, or not in the room any more
        @e:old.test is banned, but @e:new.test is not: ban them in the room
        @f:new.test does not knock: @f:old.test has, and can knock again with the new account
        "###);
        let powers = powers(&state, &memberships, &there, around);
        insta::assert_snapshot!(powers.differences.join("\n"), @"@b:new.test has the power level 0 instead of 50");
    }
}
