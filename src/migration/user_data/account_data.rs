//! Account data, global and by room, tags among it.

use std::collections::BTreeMap;

use ruma::{OwnedRoomId, RoomId, UserId};
use serde::Deserialize;
use serde_json::{
    Value, json,
    value::{RawValue, to_raw_value},
};

use super::refused::Refused;
use crate::{
    Error, Result,
    migration::outcome::Comparison,
    model::{abilities::Abilities, account_data::AccountData},
    target::Target,
};

/// A room's tags, which Synapse keeps apart from other account data.
const TAGS: &str = "m.tag";
/// How far a room is read: set as a receipt is.
pub(super) const FULLY_READ: &str = "m.fully_read";
/// A list of its own.
const PUSH_RULES: &str = "m.push_rules";

/// One thing, of a room or of the user alone.
#[derive(Debug, Clone, Copy)]
struct Item<'a> {
    room: Option<&'a RoomId>,
    kind: &'a str,
    content: &'a RawValue,
}

#[derive(Debug, Default, Deserialize)]
struct Tags {
    #[serde(default)]
    tags: BTreeMap<String, Box<RawValue>>,
}

impl Item<'_> {
    fn name(self) -> String {
        match self.room {
            Some(room) => format!("the account data {} of {room}", self.kind),
            None => format!("the account data {}", self.kind),
        }
    }
}

/// All of it but what is set in another way.
fn items(data: &AccountData) -> Vec<Item<'_>> {
    let global = data.global.iter().map(|(kind, content)| Item {
        room: None,
        kind,
        content,
    });
    let rooms = data.rooms.iter().flat_map(|(room, data)| {
        data.iter().map(|(kind, content)| Item {
            room: Some(room),
            kind,
            content,
        })
    });
    global
        .chain(rooms)
        .filter(|item| item.kind != FULLY_READ && item.kind != PUSH_RULES)
        .collect()
}

/// Sets what differs, or, not `over` what is there, what is missing.
pub(super) async fn set(
    target: &Target,
    abilities: &Abilities,
    (user, over): (&UserId, bool),
    data: &AccountData,
    refused: &mut Refused,
) -> Result<()> {
    for item in items(data) {
        let there = there(target, abilities, user, item).await?;
        if is_there(item, there.as_deref()) || (there.is_some() && !over) {
            continue;
        }
        let set = put(target, abilities, user, item, there.as_deref()).await;
        refused.note(|| item.name(), set)?;
    }
    Ok(())
}

async fn there(
    target: &Target,
    abilities: &Abilities,
    user: &UserId,
    item: Item<'_>,
) -> Result<Option<Box<RawValue>>> {
    match item.room {
        Some(room) if item.kind == TAGS && !abilities.replay => {
            target.tags(user, room).await.map(Some)
        }
        room => target.account_data(user, room, item.kind).await,
    }
}

/// Tuwunel's request for a tag keeps nothing but its order; as account data it is kept wholly.
async fn put(
    target: &Target,
    abilities: &Abilities,
    user: &UserId,
    item: Item<'_>,
    there: Option<&RawValue>,
) -> Result<()> {
    let room = match item.room {
        Some(room) if item.kind == TAGS => room,
        room => {
            return target
                .set_account_data(user, room, item.kind, item.content)
                .await;
        }
    };
    let wanted = tags(item.content);
    if abilities.replay {
        // A tag that somebody has set there since stays.
        let mut all = there.map(tags).unwrap_or_default();
        all.extend(wanted);
        let content = to_raw_value(&BTreeMap::from([("tags", all)])).map_err(|error| {
            Error::Target(format!(
                "the tags of {room} can't be written ({error}): report this as a bug"
            ))
        })?;
        return target
            .set_account_data(user, Some(room), TAGS, &content)
            .await;
    }
    for (tag, content) in wanted {
        target.set_tag(user, room, &tag, &content).await?;
    }
    Ok(())
}

fn tags(content: &RawValue) -> BTreeMap<String, Box<RawValue>> {
    let tags: Tags = serde_json::from_str(content.get()).unwrap_or_default();
    tags.tags
}

/// Whether the same is there; of tags, whether all that are wanted are.
fn is_there(item: Item<'_>, there: Option<&RawValue>) -> bool {
    let Some(there) = there else {
        return false;
    };
    let value = |raw: &RawValue| serde_json::from_str::<Value>(raw.get()).unwrap_or_default();
    if item.kind == TAGS && item.room.is_some() {
        let all = tags(there);
        return tags(item.content).iter().all(|(tag, wanted)| {
            all.get(tag)
                .is_some_and(|there| value(there) == value(wanted))
        });
    }
    value(there) == value(item.content)
}

/// Compares all of it.
pub(super) async fn compare(
    target: &Target,
    abilities: &Abilities,
    user: &UserId,
    data: &AccountData,
    comparison: &mut Comparison,
) -> Result<()> {
    for item in items(data) {
        comparison.expected += 1;
        let there = there(target, abilities, user, item).await?;
        if is_there(item, there.as_deref()) || there.is_none() && is_empty(item) {
            comparison.equal += 1;
        } else {
            let what = match there {
                Some(_) => "has another content",
                None => "is missing",
            };
            comparison
                .differences
                .push(format!("{user}: {} {what}", item.name()));
        }
    }
    Ok(())
}

/// Newer servers say of an empty content that it isn't there.
fn is_empty(item: Item<'_>) -> bool {
    serde_json::from_str::<Value>(item.content.get()).is_ok_and(|content| content == json!({}))
}

/// The rooms' fully-read markers, by room: an event's ID each.
pub(super) fn fully_read(data: &AccountData) -> BTreeMap<OwnedRoomId, String> {
    let marker = |content: &RawValue| {
        let content: Value = serde_json::from_str(content.get()).ok()?;
        content["event_id"].as_str().map(str::to_owned)
    };
    data.rooms
        .iter()
        .filter_map(|(room, data)| Some((room.clone(), marker(data.get(FULLY_READ)?)?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(value: &Value) -> Box<RawValue> {
        to_raw_value(value).unwrap()
    }

    #[test]
    fn what_is_set_otherwise_is_left_out() {
        let data = json!({
            "global": { "m.push_rules": {}, "m.direct": {} },
            "rooms": { "!a:x": { "m.fully_read": { "event_id": "$e" }, "m.tag": { "tags": {} } }, "!b:x": {} },
        });
        let data: AccountData = serde_json::from_str(&data.to_string()).unwrap();
        let names: Vec<_> = items(&data).into_iter().map(Item::name).collect();
        assert_eq!(
            names,
            [
                "the account data m.direct",
                "the account data m.tag of !a:x"
            ]
        );
        let markers = fully_read(&data);
        assert_eq!(markers.len(), 1);
        assert_eq!(markers[<&RoomId>::try_from("!a:x").unwrap()], "$e");
    }

    #[test]
    fn tags_of_others_do_not_matter() {
        let room = <&RoomId>::try_from("!a:x").unwrap();
        let wanted = raw(&json!({ "tags": { "u.work": { "order": 0.5, "org.example": 1 } } }));
        let item = Item {
            room: Some(room),
            kind: TAGS,
            content: &wanted,
        };
        let there = |value: &Value| is_there(item, Some(&raw(value)));
        assert!(there(
            &json!({ "tags": { "u.work": { "org.example": 1, "order": 0.5 }, "x": {} } })
        ));
        assert!(!there(&json!({ "tags": { "u.work": { "order": 0.5 } } })));
        assert!(!there(&json!({})));
        assert!(!is_there(item, None));
    }
}
