//! Power: the new accounts get what the old ones have, from somebody who has it. No I/O.

use ruma::OwnedUserId;
use serde_json::{Value, json};

use super::{new_ids::NewIds, room::Powers};
use crate::migration::local::levels;

/// What is to be sent, if anything, and what can't be given.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Gift {
    /// The levels with the new accounts in them; nothing if they are there already.
    pub levels: Option<Value>,
    /// Who gets less than they had: the person and the reason.
    pub less: Vec<String>,
}

/// Adds the new IDs of `people` beside the old ones. Nobody gives more than they have.
#[must_use]
pub fn gift<'a>(
    powers: &Powers,
    giver: &OwnedUserId,
    people: impl Iterator<Item = &'a OwnedUserId>,
    ids: &NewIds,
) -> Gift {
    let mut gift = Gift::default();
    let mut content = powers.levels.clone();
    if !content.is_object() {
        content = json!({});
    }
    for old in people {
        let new = ids.new_id(old);
        let wanted = powers.of(old);
        let level = wanted.min(powers.of(giver));
        // What has no bound can't be written down: the greatest number that matters in the room stands for it.
        let level = if level == i64::MAX {
            levels::greatest(&powers.levels)
        } else {
            level
        };
        if wanted == i64::MAX {
            gift.less.push(format!("{new} gets the power level {level}: in this version nobody else has what the room's creators have"));
        } else if level < wanted {
            gift.less.push(format!("{new} gets the power level {level} instead of {wanted}: nobody of the old server may give more"));
        }
        // Somebody may have more by now.
        if powers.of(&new) < level {
            if !content["users"].is_object() {
                content["users"] = json!({});
            }
            content["users"][new.as_str()] = json!(level);
        }
    }
    if content != powers.levels && content != json!({}) {
        // Without such an event the creator has 100, and anybody may send state; with one, only who is in it.
        if powers.levels.is_null() {
            content["state_default"] = json!(0);
            for creator in powers.bounded_creators() {
                content["users"][creator] = json!(levels::CREATOR);
            }
        }
        gift.levels = Some(content);
    }
    gift
}

#[cfg(test)]
mod tests {
    use ruma::{RoomVersionId, server_name};

    use super::*;
    use crate::migration::federation::room::{LEVELS, State, sample};

    fn state(version: &RoomVersionId, levels: Value) -> State {
        sample(version, "@maker:old.test", &[(LEVELS, "", levels)]).1
    }

    fn given(state: &State, giver: &str, people: &[&str]) -> Gift {
        let ids = NewIds::between(server_name!("old.test"), server_name!("new.test"));
        let people: Vec<OwnedUserId> = people.iter().map(|it| (*it).try_into().unwrap()).collect();
        gift(
            &state.powers,
            &giver.try_into().unwrap(),
            people.iter(),
            &ids,
        )
    }

    #[test]
    fn the_new_accounts_get_what_the_old_ones_have() {
        let levels =
            json!({ "users": { "@maker:old.test": 100, "@b:old.test": 50 }, "invite": 50 });
        let now = state(&RoomVersionId::V10, levels);
        let gift = given(&now, "@maker:old.test", &["@maker:old.test", "@b:old.test"]);
        assert_eq!(gift.less, [] as [String; 0]);
        let levels = gift.levels.unwrap();
        assert_eq!(levels["users"]["@maker:new.test"], 100);
        assert_eq!(levels["users"]["@b:new.test"], 50);
        assert_eq!(levels["invite"], 50);
        // Once they are there, nothing is sent again.
        let then = state(&RoomVersionId::V10, levels);
        let again = given(
            &then,
            "@maker:old.test",
            &["@maker:old.test", "@b:old.test"],
        );
        assert_eq!(again, Gift::default());
    }

    #[test]
    fn a_room_without_levels_takes_none_from_its_creator() {
        let now = sample(&RoomVersionId::V10, "@maker:old.test", &[]).1;
        let levels = given(&now, "@maker:old.test", &["@maker:old.test"]).levels;
        let wanted = json!({
            "state_default": 0, "users": { "@maker:old.test": 100, "@maker:new.test": 100 },
        });
        assert_eq!(levels, Some(wanted));
    }

    #[test]
    fn nobody_gives_more_than_they_have() {
        let levels = json!({ "users": { "@maker:old.test": 100, "@b:old.test": 60 } });
        let gift = given(
            &state(&RoomVersionId::V10, levels),
            "@b:old.test",
            &["@maker:old.test"],
        );
        insta::assert_snapshot!(gift.less.join("\n"), @"@maker:new.test gets the power level 60 instead of 100: nobody of the old server may give more");
        assert_eq!(gift.levels.unwrap()["users"]["@maker:new.test"], 60);
    }

    #[test]
    fn what_has_no_bound_is_given_as_far_as_it_can_be() {
        let levels = json!({ "users": {}, "events": { "m.room.tombstone": 150 } });
        let gift = given(
            &state(&RoomVersionId::V12, levels),
            "@maker:old.test",
            &["@maker:old.test"],
        );
        insta::assert_snapshot!(gift.less.join("\n"), @"@maker:new.test gets the power level 150: in this version nobody else has what the room's creators have");
        assert_eq!(
            gift.levels.unwrap()["users"],
            json!({ "@maker:new.test": 150 })
        );
    }
}
