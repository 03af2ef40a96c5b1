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
}

impl There {
    /// From all state events.
    #[must_use]
    pub fn of(events: Vec<WholeState>) -> Self {
        let events = events.into_iter();
        Self {
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

    /// Somebody's power, where the room was made as it was meant to be.
    #[must_use]
    pub fn level(&self, user: &UserId, how: &Recreation) -> i64 {
        if levels::creators_have_all(&how.version) && user == how.creator {
            return i64::MAX;
        }
        match self.get(LEVELS, "") {
            Some(levels) => levels::of(levels, user),
            None if user == how.creator => levels::CREATOR,
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
