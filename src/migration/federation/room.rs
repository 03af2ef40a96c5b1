//! What a bundle says of a room's door and of who may open it. No requests.

use std::collections::{BTreeMap, BTreeSet};

use ruma::{OwnedRoomAliasId, OwnedRoomId, OwnedUserId, UserId};
use serde::Deserialize;
use serde_json::Value;

use crate::{Result, bundle::Bundle, migration::local::levels, model::room::Room};

pub(super) const LEVELS: &str = "m.room.power_levels";
pub(super) const MEMBER: &str = "m.room.member";

/// What is needed where a room has no levels of its own, or doesn't say.
const STATE_DEFAULT: i64 = 50;

/// A room's state as far as it matters to whoever wants to come in.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct State {
    /// The content of the create event.
    pub create: Value,
    /// Who has sent it.
    pub creator: String,
    /// The content of the join rules.
    pub join_rules: Value,
    /// Who may do what.
    pub powers: Powers,
    /// Its canonical alias and the others that it names.
    pub aliases: Vec<OwnedRoomAliasId>,
    /// Who was invited by whom.
    pub inviters: BTreeMap<String, String>,
    /// Type and state key of everything in it.
    pub keys: BTreeSet<(String, String)>,
}

/// Who may do what in a room.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Powers {
    /// The content of the power levels; null if there are none.
    pub levels: Value,
    /// Those whose power has no bound, or, without levels, the creator.
    creators: BTreeSet<String>,
    /// Whether the room's version makes their power boundless.
    boundless: bool,
}

#[derive(Debug, Deserialize)]
struct Event {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    state_key: String,
    #[serde(default)]
    sender: String,
    #[serde(default)]
    content: Value,
}

impl State {
    /// Reads a room.
    pub fn read(bundle: &Bundle, room: &Room) -> Result<Self> {
        let events = bundle.room_state(&room.room_id)?.into_iter();
        let events = events.filter_map(|event| serde_json::from_str(event.get()).ok());
        Ok(Self::of(room, events))
    }

    /// From its state events, with what the list of rooms has beside them.
    fn of(room: &Room, events: impl Iterator<Item = Event>) -> Self {
        let mut state = Self::default();
        let mut aliases = Value::Null;
        for event in events {
            state
                .keys
                .insert((event.kind.clone(), event.state_key.clone()));
            match (event.kind.as_str(), event.state_key.as_str()) {
                ("m.room.create", "") => {
                    (state.create, state.creator) = (event.content, event.sender);
                }
                ("m.room.join_rules", "") => state.join_rules = event.content,
                (LEVELS, "") => state.powers.levels = event.content,
                ("m.room.canonical_alias", "") => aliases = event.content,
                (MEMBER, user) if event.content["membership"] == "invite" => {
                    state.inviters.insert(user.to_owned(), event.sender);
                }
                _ => {}
            }
        }
        if state.creator.is_empty() {
            state.creator = room
                .creator
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default();
        }
        if state.join_rules.is_null() {
            // Without a rule nobody comes in but by invite.
            let rule = room.join_rules.as_deref().unwrap_or("invite");
            state.join_rules = serde_json::json!({ "join_rule": rule });
        }
        let others = aliases["alt_aliases"].as_array().into_iter().flatten();
        let named = [&aliases["alias"]].into_iter().chain(others);
        state.aliases = named
            .filter_map(Value::as_str)
            .filter_map(|alias| alias.try_into().ok())
            .collect();
        state.powers.boundless = room.version.as_ref().is_some_and(levels::creators_have_all);
        let more = state.create["additional_creators"].as_array();
        let more = more.into_iter().flatten().filter_map(Value::as_str);
        state.powers.creators = more
            .chain([state.creator.as_str()])
            .map(str::to_owned)
            .collect();
        state
    }

    /// `public`, `invite`, `restricted`, …
    #[must_use]
    pub fn join_rule(&self) -> &str {
        self.join_rules["join_rule"].as_str().unwrap_or("invite")
    }

    /// The rooms whose members may come in.
    #[must_use]
    pub fn allowed(&self) -> Vec<OwnedRoomId> {
        let allow = self.join_rules["allow"].as_array().into_iter().flatten();
        allow
            .filter(|it| it["type"] == "m.room_membership")
            .filter_map(|it| it["room_id"].as_str()?.try_into().ok())
            .collect()
    }
}

impl Powers {
    /// With other levels, such as those of today.
    #[must_use]
    pub fn with(&self, levels: Value) -> Self {
        Self {
            levels,
            ..self.clone()
        }
    }

    /// Creators whose power is a number.
    pub fn bounded_creators(&self) -> impl Iterator<Item = &str> {
        let creators = self.creators.iter().filter(|_| !self.boundless);
        creators.map(String::as_str)
    }

    /// Somebody's power; the greatest number where it has no bound.
    #[must_use]
    pub fn of(&self, user: &UserId) -> i64 {
        let is_creator = self.creators.contains(user.as_str());
        if is_creator && self.boundless {
            return i64::MAX;
        }
        if self.levels.is_null() {
            return if is_creator { levels::CREATOR } else { 0 };
        }
        levels::of(&self.levels, user)
    }

    /// What everybody has who is not named.
    #[must_use]
    pub fn usual(&self) -> i64 {
        number(&self.levels["users_default"]).unwrap_or(0)
    }

    /// Whether somebody may invite.
    #[must_use]
    pub fn may_invite(&self, user: &UserId) -> bool {
        self.of(user) >= number(&self.levels["invite"]).unwrap_or(0)
    }

    /// Whether somebody may change who has which power.
    #[must_use]
    pub fn may_give(&self, user: &UserId) -> bool {
        let own = number(&self.levels["events"][LEVELS]);
        let all = || number(&self.levels["state_default"]);
        let usual = if self.levels.is_null() {
            0
        } else {
            STATE_DEFAULT
        };
        self.of(user) >= own.or_else(all).unwrap_or(usual)
    }

    /// The mightiest of some people who may do something.
    pub fn mightiest<'a>(
        &self,
        people: impl Iterator<Item = &'a OwnedUserId>,
        may: impl Fn(&Self, &UserId) -> bool,
    ) -> Option<OwnedUserId> {
        let able = people.filter(|user| may(self, user));
        // Of equals the first by name.
        able.max_by(|one, other| self.of(one).cmp(&self.of(other)).then(other.cmp(one)))
            .cloned()
    }
}

/// A level as servers read it, also where it is a text.
fn number(value: &Value) -> Option<i64> {
    match value {
        Value::String(text) => text.trim().parse().ok(),
        value => value.as_i64(),
    }
}

/// Made for tests: a room of a version with such state.
#[cfg(test)]
pub(super) fn sample(
    version: &ruma::RoomVersionId,
    creator: &str,
    events: &[(&str, &str, Value)],
) -> (Room, State) {
    let mut room = Room::named(ruma::owned_room_id!("!r:old.test"));
    room.version = Some(version.clone());
    let create = ("m.room.create", "", serde_json::json!({}));
    let events = events
        .iter()
        .chain([&create])
        .map(|(kind, key, content)| Event {
            kind: (*kind).to_owned(),
            state_key: (*key).to_owned(),
            sender: creator.to_owned(),
            content: content.clone(),
        });
    let state = State::of(&room, events);
    (room, state)
}

#[cfg(test)]
mod tests {
    use ruma::{RoomVersionId, user_id};
    use serde_json::json;

    use super::*;

    const MAKER: &str = "@maker:old.test";

    #[test]
    fn who_may_do_what_is_read_from_levels_creators_and_defaults() {
        let (maker, other) = (user_id!("@maker:old.test"), user_id!("@b:old.test"));
        let (_, bare) = sample(&RoomVersionId::V10, MAKER, &[]);
        assert_eq!((bare.powers.of(maker), bare.powers.of(other)), (100, 0));
        assert!(bare.powers.may_invite(other) && bare.powers.may_give(other));
        let levels = json!({ "users": { "@b:old.test": "60" }, "invite": 70, "state_default": 60 });
        let state = |version| sample(&version, MAKER, &[(LEVELS, "", levels.clone())]).1;
        let ten = state(RoomVersionId::V10);
        assert_eq!((ten.powers.of(maker), ten.powers.of(other)), (0, 60));
        assert!(!ten.powers.may_invite(other) && ten.powers.may_give(other));
        let twelve = state(RoomVersionId::V12);
        assert!(twelve.powers.may_invite(maker));
        let both = [maker.to_owned(), other.to_owned()];
        assert_eq!(
            twelve
                .powers
                .mightiest(both.iter(), Powers::may_give)
                .unwrap(),
            maker
        );
        assert_eq!(ten.powers.mightiest(both.iter(), Powers::may_invite), None);
    }

    #[test]
    fn doors_are_read() {
        let rules = json!({ "join_rule": "restricted", "allow": [
            { "type": "m.room_membership", "room_id": "!space:old.test" }, { "type": "else", "room_id": "!x:y" } ] });
        let alias = json!({ "alias": "#a:old.test", "alt_aliases": ["#b:far.test", 1] });
        let (_, state) = sample(
            &RoomVersionId::V10,
            MAKER,
            &[
                ("m.room.join_rules", "", rules),
                ("m.room.canonical_alias", "", alias),
                (MEMBER, "@b:old.test", json!({ "membership": "invite" })),
            ],
        );
        assert_eq!(state.join_rule(), "restricted");
        assert_eq!(state.allowed(), ["!space:old.test"]);
        assert_eq!(state.aliases, ["#a:old.test", "#b:far.test"]);
        assert_eq!(state.inviters["@b:old.test"], MAKER);
        let (_, bare) = sample(&RoomVersionId::V10, MAKER, &[]);
        assert_eq!(bare.join_rule(), "invite");
    }
}
