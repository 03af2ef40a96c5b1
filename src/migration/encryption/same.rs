//! What is the same key: servers add and leave out signatures, and write JSON in their own order.

use serde_json::{Value, value::RawValue};

use crate::{model::cross_signing::CrossSigning, target::cross_signing::SeenKeys};
use ruma::UserId;

/// What a user has on the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum There {
    /// No identity.
    Nothing,
    /// That of the bundle.
    Same,
    /// A part of that of the bundle, and nothing else.
    Part,
    /// Another one.
    Other,
}

/// A user's three keys; nothing if one is missing, for clients take such an identity for none.
pub(super) fn whole(keys: &CrossSigning) -> Option<[&RawValue; 3]> {
    Some([
        keys.master_key.as_deref()?,
        keys.self_signing_key.as_deref()?,
        keys.user_signing_key.as_deref()?,
    ])
}

/// The bundle's three keys against what the user sees on the target.
pub(super) fn identity(user: &UserId, wanted: [&RawValue; 3], seen: &SeenKeys) -> There {
    let there = [
        seen.master_keys.get(user),
        seen.self_signing_keys.get(user),
        seen.user_signing_keys.get(user),
    ];
    if there.iter().all(Option::is_none) {
        return There::Nothing;
    }
    let is_complete = there.iter().all(Option::is_some);
    let mut pairs = wanted.into_iter().zip(there);
    let all_same = pairs.all(|(wanted, there)| there.is_none_or(|there| key(wanted, there)));
    match (all_same, is_complete) {
        (true, true) => There::Same,
        (true, false) => There::Part,
        (false, _) => There::Other,
    }
}

/// The same public key for the same use. That its own user's signatures are all there is another question.
fn key(wanted: &RawValue, there: &Value) -> bool {
    let Ok(wanted) = serde_json::from_str::<Value>(wanted.get()) else {
        return false;
    };
    wanted["keys"] == there["keys"] && wanted["usage"] == there["usage"]
}

/// The public half of a cross-signing key.
pub(super) fn public(key: &Value) -> Option<&str> {
    key["keys"].as_object()?.values().next()?.as_str()
}

/// Whether two JSON texts mean the same.
pub(super) fn json(one: &RawValue, other: &RawValue) -> bool {
    let read = |text: &RawValue| serde_json::from_str::<Value>(text.get()).ok();
    let one = read(one);
    one.is_some() && one == read(other)
}

#[cfg(test)]
mod tests {
    use ruma::user_id;
    use serde_json::{json, value::to_raw_value};

    use super::*;

    fn keys(public: &str) -> CrossSigning {
        let key = |usage: &str| {
            let id = format!("ed25519:{public}{usage}");
            let key = json!({ "user_id": "@a:x", "usage": [usage], "keys": { id: format!("{public}{usage}") } });
            Some(to_raw_value(&key).unwrap())
        };
        CrossSigning {
            master_key: key("master"),
            self_signing_key: key("self_signing"),
            user_signing_key: key("user_signing"),
            ..CrossSigning::default()
        }
    }

    fn seen(keys: &CrossSigning) -> SeenKeys {
        let seen = |key: &Option<Box<RawValue>>| {
            let key = key.as_ref()?;
            let mut key: Value = serde_json::from_str(key.get()).unwrap();
            key["signatures"] = json!({ "@a:x": { "ed25519:PHONE": "s" } });
            Some((user_id!("@a:x").to_owned(), key))
        };
        SeenKeys {
            master_keys: seen(&keys.master_key).into_iter().collect(),
            self_signing_keys: seen(&keys.self_signing_key).into_iter().collect(),
            user_signing_keys: seen(&keys.user_signing_key).into_iter().collect(),
        }
    }

    #[test]
    fn an_identity_is_its_three_public_keys() {
        let wanted = keys("a");
        let there = |seen: &SeenKeys| identity(user_id!("@a:x"), whole(&wanted).unwrap(), seen);
        assert_eq!(there(&SeenKeys::default()), There::Nothing);
        assert_eq!(there(&seen(&wanted)), There::Same);
        assert_eq!(there(&seen(&keys("b"))), There::Other);
        let mut part = seen(&wanted);
        part.user_signing_keys.clear();
        assert_eq!(there(&part), There::Part);
    }

    #[test]
    fn a_part_of_an_identity_is_none() {
        let mut part = keys("a");
        part.user_signing_key = None;
        assert!(whole(&part).is_none());
    }

    #[test]
    fn the_order_of_json_says_nothing() {
        let raw = |text: &str| RawValue::from_string(text.to_owned()).unwrap();
        assert!(json(
            &raw(r#"{"a":1,"b":[2]}"#),
            &raw(r#"{ "b":[2], "a":1 }"#)
        ));
        assert!(!json(&raw(r#"{"a":1}"#), &raw(r#"{"a":2}"#)));
    }
}
