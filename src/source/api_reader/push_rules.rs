//! A user's own push rules, and the default ones that they changed.

use std::collections::BTreeMap;

use ruma::UserId;
use serde_json::{Map, Value};

use crate::{
    model::push_rules::PushRules,
    source::default_push_rules::{self, DefaultRule},
};

/// From all rules by kind, as Synapse gives them to this user.
pub(super) fn of(
    user: &UserId,
    mut served: BTreeMap<String, Vec<Map<String, Value>>>,
) -> PushRules {
    let defaults = default_push_rules::of(user.as_str(), user.localpart());
    let mut kind = |kind: &str| {
        let rules = served.remove(kind).unwrap_or_default();
        let kept = rules
            .into_iter()
            .filter(|rule| !is_default(kind, rule, &defaults));
        kept.map(Value::Object).collect()
    };
    PushRules {
        override_: kind("override"),
        content: kind("content"),
        room: kind("room"),
        sender: kind("sender"),
        underride: kind("underride"),
    }
}

/// Whether a rule is as the server made it. One of a Synapse that has other rules counts as the server's while it is
/// on.
fn is_default(kind: &str, rule: &Map<String, Value>, defaults: &[DefaultRule]) -> bool {
    if rule.get("default") != Some(&Value::Bool(true)) {
        return false;
    }
    let name = rule.get("rule_id").and_then(Value::as_str);
    let id = format!("global/{kind}/{}", name.unwrap_or_default());
    match defaults.iter().find(|default| default.id == id) {
        Some(default) => default.is_meant_by(rule),
        None => rule.get("enabled") == Some(&Value::Bool(true)),
    }
}

#[cfg(test)]
mod tests {
    use ruma::user_id;
    use serde_json::json;

    use super::*;

    fn rule(rule: Value) -> Map<String, Value> {
        match rule {
            Value::Object(rule) => rule,
            other => panic!("{other}"),
        }
    }

    #[test]
    fn own_and_changed_rules_stay_whole() {
        let own = rule(
            json!({"rule_id": "ferry", "default": false, "enabled": true, "pattern": "f*", "actions": ["notify"]}),
        );
        let message = |enabled: bool| {
            rule(
                json!({"rule_id": ".m.rule.message", "default": true, "enabled": enabled, "actions": ["notify"],
                "conditions": [{"kind": "event_match", "key": "type", "pattern": "m.room.message"}]}),
            )
        };
        let unknown = |enabled: bool| {
            rule(
                json!({"rule_id": ".org.example", "default": true, "enabled": enabled, "actions": []}),
            )
        };
        let served = BTreeMap::from([
            ("content".to_owned(), vec![own.clone()]),
            (
                "underride".to_owned(),
                vec![message(false), message(true), unknown(true), unknown(false)],
            ),
        ]);
        let rules = of(user_id!("@anna:ferry.test"), served);
        assert_eq!(rules.content, [Value::Object(own)]);
        let kept = [message(false), unknown(false)].map(Value::Object);
        assert_eq!(rules.underride, kept);
        assert!(rules.override_.is_empty());
    }
}
