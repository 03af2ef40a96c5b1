//! Power levels: who may make a room anew, and what its levels become. No I/O.

use ruma::{RoomVersionId, UserId};
use serde_json::{Map, Value, json};

/// The level of a room's creator where nobody says otherwise.
pub const CREATOR: i64 = 100;

/// Whether a room's creators have all power, and stand in no list (from version 12 on).
#[must_use]
pub fn creators_have_all(version: &RoomVersionId) -> bool {
    number(version).is_none_or(|number| number >= 12)
}

/// Whether a version takes whole numbers only, and no numbers in texts (from version 10 on).
fn is_strict(version: &RoomVersionId) -> bool {
    number(version).is_none_or(|number| number >= 10)
}

fn number(version: &RoomVersionId) -> Option<u32> {
    version.as_str().parse().ok()
}

/// A level as servers read it, also where it is a text.
fn level(value: &Value) -> Option<i64> {
    match value {
        Value::String(text) => text.trim().parse().ok(),
        value => value.as_i64(),
    }
}

/// A user's level by the content of `m.room.power_levels`.
#[must_use]
pub fn of(levels: &Value, user: &UserId) -> i64 {
    let own = levels["users"].get(user.as_str()).and_then(level);
    own.or_else(|| level(&levels["users_default"])).unwrap_or(0)
}

/// The greatest level that is written anywhere, but at least a creator's: whoever sets all of them needs it.
#[must_use]
pub fn greatest(levels: &Value) -> i64 {
    fn walk(value: &Value) -> i64 {
        match value {
            Value::Object(fields) => fields.values().map(walk).max().unwrap_or(CREATOR),
            value => level(value).unwrap_or(CREATOR),
        }
    }
    walk(levels).max(CREATOR)
}

/// The levels as a version takes them: numbers instead of texts, and no creators in the list of users where these have
/// all power anyway.
#[must_use]
pub fn fitting<'a>(
    levels: &Value,
    version: &RoomVersionId,
    creators: impl Iterator<Item = &'a str>,
) -> Value {
    let mut levels = levels.clone();
    if is_strict(version) {
        numbers(&mut levels);
    }
    if creators_have_all(version)
        && let Some(users) = levels.get_mut("users").and_then(Value::as_object_mut)
    {
        for creator in creators {
            users.remove(creator);
        }
    }
    levels
}

fn numbers(value: &mut Value) {
    match value {
        Value::Object(fields) => fields.values_mut().for_each(numbers),
        Value::String(_) => {
            if let Some(level) = level(value) {
                *value = json!(level);
            }
        }
        _ => {}
    }
}

/// The levels with which a room is made: its creator may do everything that is to come, and everybody sends the state that
/// only they can send, of these types.
#[must_use]
pub fn to_begin_with<'a>(
    wanted: Option<&Value>,
    version: &RoomVersionId,
    creator: &UserId,
    own: impl Iterator<Item = &'a str>,
) -> Value {
    let mut levels = Map::new();
    if !creators_have_all(version) {
        let level = wanted.map_or(CREATOR, greatest);
        levels.insert("users".to_owned(), json!({ creator.as_str(): level }));
    }
    let events: Map<String, Value> = own.map(|kind| (kind.to_owned(), json!(0))).collect();
    if !events.is_empty() {
        levels.insert("events".to_owned(), events.into());
    }
    levels.into()
}

#[cfg(test)]
mod tests {
    use ruma::user_id;

    use super::*;

    #[test]
    fn whoever_sets_levels_has_the_greatest_of_them() {
        let levels = json!({ "users": { "@a:x": 150, "@b:x": "70" }, "events": { "m.room.name": 50 }, "ban": 200, "users_default": "5" });
        assert_eq!(greatest(&levels), 200);
        assert_eq!(greatest(&json!({})), 100);
        let of = |user| of(&levels, user);
        assert_eq!(
            [
                of(user_id!("@a:x")),
                of(user_id!("@b:x")),
                of(user_id!("@c:x"))
            ],
            [150, 70, 5]
        );
        let begin = |version| {
            to_begin_with(
                Some(&levels),
                &version,
                user_id!("@c:x"),
                ["call.member"].into_iter(),
            )
        };
        assert_eq!(
            begin(RoomVersionId::V9),
            json!({ "users": { "@c:x": 200 }, "events": { "call.member": 0 } })
        );
        assert_eq!(
            begin(RoomVersionId::V12),
            json!({ "events": { "call.member": 0 } })
        );
    }

    #[test]
    fn levels_are_made_to_fit_a_version() {
        let levels = json!({ "users": { "@a:x": "100", "@b:x": 50 }, "ban": "50" });
        let fitting = |version| fitting(&levels, &version, ["@a:x"].into_iter());
        assert_eq!(fitting(RoomVersionId::V9), levels);
        assert_eq!(
            fitting(RoomVersionId::V11),
            json!({ "users": { "@a:x": 100, "@b:x": 50 }, "ban": 50 })
        );
        assert_eq!(
            fitting(RoomVersionId::V12),
            json!({ "users": { "@b:x": 50 }, "ban": 50 })
        );
    }
}
