//! Who becomes who: the one place where users of the old server's name get the new one's. No I/O.

use ruma::{OwnedServerName, OwnedUserId, ServerName, UserId};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::model::user::User;

/// Two servers' names, which may be the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NewIds {
    old: OwnedServerName,
    new: OwnedServerName,
}

impl NewIds {
    /// From the name in the bundle to that of the target.
    #[must_use]
    pub fn between(old: &ServerName, new: &ServerName) -> Self {
        Self {
            old: old.to_owned(),
            new: new.to_owned(),
        }
    }

    /// Whether nobody gets another ID.
    #[must_use]
    pub fn are_same(&self) -> bool {
        self.old == self.new
    }

    /// The name on the source.
    #[must_use]
    pub fn old_name(&self) -> &ServerName {
        &self.old
    }

    /// The name on the target.
    #[must_use]
    pub fn new_name(&self) -> &ServerName {
        &self.new
    }

    /// Whether somebody has an account on the source, by their ID.
    #[must_use]
    pub fn is_old(&self, user: &UserId) -> bool {
        user.server_name() == self.old
    }

    /// Somebody's ID on the target; others keep theirs.
    #[must_use]
    pub fn new_id(&self, user: &UserId) -> OwnedUserId {
        moved(user, &self.old, &self.new)
    }

    /// Somebody's ID on the source.
    #[must_use]
    pub fn old_id(&self, user: &UserId) -> OwnedUserId {
        moved(user, &self.new, &self.old)
    }

    /// An account as it is to be on the target.
    #[must_use]
    pub fn user(&self, user: User) -> User {
        User {
            user_id: self.new_id(&user.user_id),
            ..user
        }
    }

    /// Puts new IDs in the place of old ones, wherever a text or a name of a field is one; only of those who come over.
    pub fn rewrite(&self, value: &mut Value, comes: &impl Fn(&UserId) -> bool) {
        match value {
            Value::String(text) => {
                if let Some(new) = self.text(text, comes) {
                    *text = new;
                }
            }
            Value::Array(values) => {
                for value in values {
                    self.rewrite(value, comes);
                }
            }
            Value::Object(fields) => self.rewrite_fields(fields, comes),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn rewrite_fields(&self, fields: &mut Map<String, Value>, comes: &impl Fn(&UserId) -> bool) {
        let mut renamed = Vec::new();
        for (name, mut value) in std::mem::take(fields) {
            self.rewrite(&mut value, comes);
            match self.text(&name, comes) {
                Some(new) => renamed.push((new, value)),
                None => drop(fields.insert(name, value)),
            }
        }
        // What stands under the new ID already stays: a list of it gets longer.
        for (name, value) in renamed {
            match (fields.get_mut(&name), value) {
                (Some(Value::Array(known)), Value::Array(more)) => {
                    let new: Vec<_> = more.into_iter().filter(|it| !known.contains(it)).collect();
                    known.extend(new);
                }
                (Some(_), _) => {}
                (None, value) => drop(fields.insert(name, value)),
            }
        }
    }

    /// The new ID, if a text is the old one of somebody who comes over and it is another.
    pub fn text(&self, text: &str, comes: &impl Fn(&UserId) -> bool) -> Option<String> {
        if self.are_same() {
            return None;
        }
        let user = <&UserId>::try_from(text).ok()?;
        let new = self.new_id(user);
        (self.is_old(user) && comes(&new)).then(|| new.into())
    }
}

/// An ID that would be too long with the other name stays as it is.
fn moved(user: &UserId, from: &ServerName, to: &ServerName) -> OwnedUserId {
    if user.server_name() != from {
        return user.to_owned();
    }
    let moved = format!("@{}:{to}", user.localpart());
    OwnedUserId::try_from(moved).unwrap_or_else(|_| user.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use ruma::{server_name, user_id};
    use serde_json::json;

    use super::*;

    fn ids() -> NewIds {
        NewIds::between(server_name!("old.test"), server_name!("new.test:8448"))
    }

    #[test]
    fn users_of_the_old_server_get_the_new_name_and_others_stay() {
        let ids = ids();
        assert_eq!(ids.new_id(user_id!("@a:old.test")), "@a:new.test:8448");
        assert_eq!(ids.old_id(user_id!("@a:new.test:8448")), "@a:old.test");
        assert_eq!(ids.new_id(user_id!("@a:far.test")), "@a:far.test");
        assert_eq!(ids.old_id(user_id!("@a:far.test")), "@a:far.test");
    }

    #[test]
    fn ids_are_put_in_wherever_they_stand_whole() {
        let comes = |user: &UserId| user.localpart() != "gone";
        let mut value = json!({
            "@a:old.test": ["@a:old.test", "@gone:old.test", "not @a:old.test", 1.5],
            "@b:far.test": { "user_id": "@a:old.test" },
        });
        ids().rewrite(&mut value, &comes);
        assert_eq!(
            value,
            json!({
                "@a:new.test:8448": ["@a:new.test:8448", "@gone:old.test", "not @a:old.test", 1.5],
                "@b:far.test": { "user_id": "@a:new.test:8448" },
            })
        );
        let same = NewIds::between(server_name!("old.test"), server_name!("old.test"));
        let before = value.clone();
        same.rewrite(&mut value, &comes);
        assert_eq!(value, before);
    }

    #[test]
    fn who_is_known_by_both_ids_loses_nothing() {
        let mut value = json!({
            "@a:old.test": ["!x:old.test", "!y:old.test"], "@a:new.test:8448": ["!y:old.test", "!z:old.test"],
            "@b:old.test": { "is": "old" }, "@b:new.test:8448": { "is": "new" },
        });
        ids().rewrite(&mut value, &|_| true);
        let wanted = json!({
            "@a:new.test:8448": ["!y:old.test", "!z:old.test", "!x:old.test"],
            "@b:new.test:8448": { "is": "new" },
        });
        assert_eq!(value, wanted);
    }

    proptest! {
        #[test]
        fn the_way_back_leads_to_the_same(localpart in "[a-z0-9._=/+-]{1,40}") {
            let old = OwnedUserId::try_from(format!("@{localpart}:old.test")).unwrap();
            let ids = ids();
            prop_assert_eq!(ids.old_id(&ids.new_id(&old)), old);
        }
    }
}
