//! A room as it is on the target.

use std::collections::BTreeMap;

use ruma::{OwnedUserId, UserId};
use serde_json::Value;

use super::{
    levels,
    planner::Recreation,
    wanted::{CREATE, Key, LEVELS, MEMBER, Wanted},
};
use crate::target::making::WholeState;

/// Its current state.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct There {
    /// Contents by type and state key, members included.
    pub state: BTreeMap<Key, Value>,
    /// Who has made it: by a newer bundle somebody else might be chosen.
    pub maker: String,
}

impl There {
    /// From all state events.
    #[must_use]
    pub fn of(events: Vec<WholeState>) -> Self {
        let create = events.iter().find(|event| event.kind == CREATE);
        let maker = create.map(|event| event.sender.clone()).unwrap_or_default();
        let events = events.into_iter();
        Self {
            maker,
            state: events
                .map(|event| ((event.kind, event.state_key), event.content))
                .collect(),
        }
    }

    /// The content of a state event.
    #[must_use]
    pub fn get(&self, kind: &str, key: &str) -> Option<&Value> {
        self.state.get(&(kind.to_owned(), key.to_owned()))
    }

    /// Notes what was sent.
    pub fn put(&mut self, kind: &str, key: &str, content: Value) {
        self.state
            .insert((kind.to_owned(), key.to_owned()), content);
    }

    /// Somebody's membership.
    #[must_use]
    pub fn membership(&self, user: &UserId) -> Option<&str> {
        self.get(MEMBER, user.as_str())?["membership"].as_str()
    }

    /// The create event's content.
    #[must_use]
    pub fn create(&self) -> Option<&Value> {
        self.get(CREATE, "")
    }

    /// Somebody's power.
    #[must_use]
    pub fn level(&self, user: &UserId, how: &Recreation) -> i64 {
        let is_maker = user.as_str() == self.maker;
        if levels::creators_have_all(&how.version) && is_maker {
            return i64::MAX;
        }
        match self.get(LEVELS, "") {
            Some(levels) => levels::of(levels, user),
            None if is_maker => levels::CREATOR,
            None => 0,
        }
    }

    /// Who of ours can do most in it: its creator as long as that is in it, else, or once they have less power, another.
    #[must_use]
    pub fn mightiest(&self, wanted: &Wanted, how: &Recreation) -> Option<OwnedUserId> {
        let joined = wanted.members.iter();
        let joined = joined
            .filter(|(_, member)| member.membership == "join")
            .map(|(user, _)| user)
            .chain([&how.creator]);
        joined
            .filter(|user| self.membership(user) == Some("join"))
            .max_by_key(|user| (self.level(user, how), **user == how.creator))
            .cloned()
    }
}

#[cfg(test)]
mod tests {
    use ruma::{RoomVersionId, owned_user_id};
    use serde_json::json;

    use super::*;
    use crate::migration::local::{planner::Members, wanted::Member};

    #[test]
    fn whoever_can_do_most_does_it() {
        let how = |version| Recreation {
            reason: "why".to_owned(),
            creator: owned_user_id!("@b:x"),
            keeps_id: true,
            version,
            members: Members::default(),
            messages: None,
        };
        let event = |kind: &str, key: &str, content: Value| WholeState {
            kind: kind.to_owned(),
            state_key: key.to_owned(),
            sender: "@a:x".to_owned(),
            content,
        };
        let join = || json!({ "membership": "join" });
        let there = There::of(vec![
            event(CREATE, "", json!({})),
            event(LEVELS, "", json!({ "users": { "@c:x": 50 } })),
            event(MEMBER, "@a:x", join()),
            event(MEMBER, "@b:x", join()),
            event(MEMBER, "@c:x", join()),
        ]);
        let mut wanted = Wanted::default();
        for user in ["@a:x", "@b:x", "@c:x"] {
            let member = Member {
                membership: "join".to_owned(),
                content: join(),
                is_known: false,
            };
            wanted.members.insert(user.try_into().unwrap(), member);
        }
        let who = |version| there.mightiest(&wanted, &how(version)).unwrap();
        assert_eq!(who(RoomVersionId::V11), "@c:x");
        // There its maker has all power, whoever would be chosen today.
        assert_eq!(who(RoomVersionId::V12), "@a:x");
    }
}
