//! Whether an operator may order something here and now: asked of the room itself.

use ruma::{
    OwnedUserId, RoomVersionId, UserId,
    events::room::power_levels::{RoomPowerLevels, RoomPowerLevelsSource, UserPowerLevel},
    room_version_rules::AuthorizationRules,
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use super::client::Client;
use crate::{Result, command::Command, report::bot::Lack};

/// Nothing if they may.
pub async fn lack(
    client: &Client,
    room: &str,
    (sender, command): (&str, &Command),
    wanted: Option<i64>,
) -> Result<Option<Lack>> {
    let member = client.state(room, "m.room.member", sender).await?;
    if text(member.as_ref(), "membership") != Some("join") {
        return Ok(Some(Lack::NotJoined));
    }
    if let Some(wanted) = wanted
        && !reaches(&client.whole_state(room).await?, sender, wanted)
    {
        return Ok(Some(Lack::Power { wanted }));
    }
    if command.only_looks() {
        return Ok(None);
    }
    let rules = client.state(room, "m.room.join_rules", "").await?;
    let visibility = client.state(room, "m.room.history_visibility", "").await?;
    let is_open = text(rules.as_ref(), "join_rule") == Some("public")
        || text(visibility.as_ref(), "history_visibility") == Some("world_readable");
    Ok(is_open.then_some(Lack::OpenRoom))
}

fn text<'a>(content: Option<&'a Value>, field: &str) -> Option<&'a str> {
    content?.get(field)?.as_str()
}

/// Whether somebody's power level is as high as that, by the rules of the room's version: creators may stand above all
/// levels, and levels may be written as texts. What can't be read gives nobody anything.
fn reaches(state: &[Value], user: &str, wanted: i64) -> bool {
    let (Ok(user), Some(create)) = (<&UserId>::try_from(user), of(state, "m.room.create")) else {
        return false;
    };
    let Ok(create) = Create::deserialize(create) else {
        return false;
    };
    let Some(rules) = create.content.room_version.rules() else {
        return false;
    };
    let rules = rules.authorization;
    let creators = create.creators(&rules);
    let levels = match of(state, "m.room.power_levels") {
        None => RoomPowerLevelsSource::None,
        Some(event) => match content(event) {
            Some(levels) => RoomPowerLevelsSource::Original(levels),
            None => return false,
        },
    };
    match RoomPowerLevels::new(levels, &rules, creators).for_user(user) {
        UserPowerLevel::Infinite => true,
        UserPowerLevel::Int(level) => i64::from(level) >= wanted,
        _ => false,
    }
}

/// The event of a type with an empty state key.
fn of<'a>(state: &'a [Value], kind: &str) -> Option<&'a Value> {
    state
        .iter()
        .find(|event| event["type"] == kind && event["state_key"] == "")
}

fn content<T: DeserializeOwned>(event: &Value) -> Option<T> {
    T::deserialize(event.get("content")?).ok()
}

#[derive(Deserialize)]
struct Create {
    sender: OwnedUserId,
    content: About,
}

#[derive(Deserialize)]
struct About {
    #[serde(default = "first_version")]
    room_version: RoomVersionId,
    creator: Option<OwnedUserId>,
    #[serde(default)]
    additional_creators: Vec<OwnedUserId>,
}

/// Of a room whose first event names none.
fn first_version() -> RoomVersionId {
    RoomVersionId::V1
}

impl Create {
    /// By the rules of the room's version ("m.room.create" of the client-server API).
    fn creators(self, rules: &AuthorizationRules) -> Vec<OwnedUserId> {
        let first = if rules.use_room_create_sender {
            self.sender
        } else {
            self.content.creator.unwrap_or(self.sender)
        };
        let others = self.content.additional_creators.into_iter();
        let others = others.filter(|_| rules.additional_room_creators);
        std::iter::once(first).chain(others).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn room(version: &str, more: &[Value]) -> Vec<Value> {
        let create = json!({"type": "m.room.create", "state_key": "", "sender": "@anna:x", "content": {
            "room_version": version, "creator": "@carl:x", "additional_creators": ["@ben:x"],
        }});
        std::iter::once(create)
            .chain(more.iter().cloned())
            .collect()
    }

    fn levels(content: &Value) -> Value {
        json!({"type": "m.room.power_levels", "state_key": "", "sender": "@anna:x", "content": content})
    }

    #[test]
    fn levels_are_read_by_the_rules_of_the_rooms_version() {
        let named = levels(&json!({"users": {"@dora:x": 50}, "users_default": 10}));
        let texts = levels(&json!({"users": {"@dora:x": "50"}, "users_default": "10"}));
        let broken = levels(&json!({"users": "@dora:x"}));
        for (version, more, user, highest) in [
            ("11", vec![named.clone()], "@dora:x", Some(50)),
            ("11", vec![named.clone()], "@eva:x", Some(10)),
            ("11", vec![named.clone()], "@anna:x", Some(10)),
            // Texts count in the versions that allowed them.
            ("9", vec![texts.clone()], "@dora:x", Some(50)),
            // Without such an event the creator has 100 and everybody else nothing.
            ("11", vec![], "@anna:x", Some(100)),
            ("11", vec![], "@ben:x", Some(0)),
            ("9", vec![], "@carl:x", Some(100)),
            ("9", vec![], "@anna:x", Some(0)),
            // Creators of version 12 stand above all.
            ("12", vec![named.clone()], "@anna:x", Some(1_000_000)),
            ("12", vec![named.clone()], "@ben:x", Some(1_000_000)),
            ("12", vec![named], "@carl:x", Some(10)),
            ("11", vec![broken], "@anna:x", None),
            ("of our own", vec![], "@anna:x", None),
        ] {
            let state = room(version, &more);
            let Some(highest) = highest else {
                assert!(!reaches(&state, user, -100), "{version} {user}");
                continue;
            };
            assert!(reaches(&state, user, highest), "{version} {user} {highest}");
            if highest < 1_000_000 {
                assert!(!reaches(&state, user, highest + 1), "{version} {user}");
            }
        }
        assert!(!reaches(&[], "@anna:x", 0));
    }
}
